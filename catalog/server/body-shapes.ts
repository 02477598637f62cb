/**
 * What a request body may look like, as small checks that name the member that is wrong. A body that passes can be worked on without
 * looking at types again; what it asks for may still be refused.
 */
import { printJson } from '../spec/json.ts'
import { RestError } from './errors.ts'

export type Shape = (value: unknown, path: string) => void

export const text: Shape = (value, path) => expect(typeof value === 'string', path, 'a string', value)
/** An `int` of the specification: every reader has 32 bits for it. */
export const integer: Shape = (value, path) => expect(Number.isInteger(value) && Math.abs(value as number) <= int32Max, path, 'an integer of 32 bits', value)
/** A time or a span in milliseconds. */
export const millis: Shape = (value, path) => expect(Number.isSafeInteger(value), path, 'an integer', value)
/** A `long` of the specification. */
export const longInteger: Shape = (value, path) => expect(isLong(value), path, 'an integer of 64 bits', value)
export const flag: Shape = (value, path) => expect(typeof value === 'boolean', path, 'true or false', value)
export const anyObject: Shape = (value, path) => expect(isObject(value), path, 'an object', value)

export const stringMap: Shape = (value, path) => {
  anyObject(value, path)
  for (const [name, item] of Object.entries(value as object)) text(item, `${path}.${name}`)
}

export function listOf(shape: Shape): Shape {
  return (value, path) => {
    expect(Array.isArray(value), path, 'an array', value)
    for (const [index, item] of (value as unknown[]).entries()) shape(item, `${path}[${index}]`)
  }
}

/**
 * Members that must be there, and members that may be absent. Null says the same as absent and is taken out, so that nothing behind meets it.
 * Others are let through: they belong to newer versions.
 */
export function objectOf(required: Record<string, Shape>, optional: Record<string, Shape> = {}): Shape {
  return (value, path) => {
    anyObject(value, path)
    const object = value as Record<string, unknown>
    for (const [name, shape] of Object.entries(required)) shape(object[name], `${path}.${name}`)
    for (const [name, shape] of Object.entries(optional)) {
      if (object[name] === null) delete object[name]
      if (object[name] !== undefined) shape(object[name], `${path}.${name}`)
    }
  }
}

/** One of several objects, told apart by one member. */
export function oneOf(member: string, shapes: Record<string, Shape>, what: string): Shape {
  return (value, path) => {
    anyObject(value, path)
    const kind = (value as Record<string, unknown>)[member]
    const shape = typeof kind === 'string' && Object.hasOwn(shapes, kind) ? shapes[kind] : undefined
    if (shape === undefined) throw new RestError('BadRequestException', `Cannot parse ${what} at ${path}: unknown ${member} ${kind === undefined ? 'missing' : printJson(kind).slice(0, 100)}`)
    shape(value, path)
  }
}

/** A member that had another name once. */
export function renamedMember(name: string, before: string, shape: Shape): Shape {
  return (value, path) => {
    anyObject(value, path)
    const object = value as Record<string, unknown>
    const used = object[name] === undefined && object[before] !== undefined ? before : name
    shape(object[used], `${path}.${used}`)
  }
}

const int32Max = 2 ** 31 - 1

function isLong(value: unknown): boolean {
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value)
}

function isObject(value: unknown): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function expect(holds: boolean, path: string, what: string, value: unknown): void {
  if (holds) return
  const found = value === undefined ? 'it is missing' : value === null ? 'it is null' : `it is ${typeof value === 'object' ? (Array.isArray(value) ? 'an array' : 'an object') : `the ${typeof value} ${String(value).slice(0, 60)}`}`
  throw new RestError('BadRequestException', `Invalid request: ${path.replace(/^body\./, '')} must be ${what}, ${found}`)
}
