// What may change in the contract and what may not (compared with the lock file): adding, widening and relaxing pass;
// removing, renaming, narrowing, re-typing and making required are refused with the reason. A sender that was right
// yesterday must be right tomorrow, and a table that was written yesterday must be readable tomorrow.
import type { ContractLock, LockedField } from './lock.ts'

/** One sentence per change that would break somebody; empty when all changes are allowed. */
export function findBreaks (before: ContractLock, after: ContractLock): string[] {
  return [...fieldBreaks(before, after), ...typeBreaks(before, after)]
}

function fieldBreaks (before: ContractLock, after: ContractLock): string[] {
  const breaks: string[] = []
  for (const [path, old] of Object.entries(before.fields)) {
    const now = after.fields[path]
    if (!now) {
      breaks.push(`field ${path} was removed or renamed: senders still send it and the table has its column; keep the line, and add a new field beside it`)
      continue
    }
    if (now.column !== old.column) breaks.push(`field ${path} moved from column ${old.column} to ${now.column}: queries and models name the column; keep it`)
    if (!widens(old.type, now.type)) breaks.push(`field ${path} changed from ${old.type} to ${now.type}: ${reasonOf(old.type, now.type)}`)
    if (now.required && !old.required) breaks.push(`field ${path} became required: senders that leave it out would be refused; keep it optional`)
    if (now.since !== old.since) breaks.push(`field ${path} changed its version from ${old.since} to ${now.since}: the version says since when it has been there; keep it`)
    breaks.push(...ruleBreaks(path, old, now))
  }
  for (const [path, now] of Object.entries(after.fields)) {
    if (before.fields[path]) continue
    if (now.required) breaks.push(`field ${path} is new and required: senders do not know it yet; make it optional`)
    if (now.since <= before.version && !path.includes('.')) breaks.push(`field ${path} is new, so its version must be ${before.version + 1} or more, not ${now.since}: what clients already send under that name must not be refused`)
    if (path.includes('.') && before.fields[path.slice(0, path.indexOf('.'))]) breaks.push(`field ${path} is new inside a group that is there already: a wrong type would refuse what was accepted before; add a field beside the group`)
    const holder = Object.entries(before.fields).find(([other, { column }]) => !other.includes('.') && !path.includes('.') && column === now.column)
    if (holder) breaks.push(`field ${path} takes the column ${now.column}, which belongs to ${holder[0]}`)
  }
  return breaks
}

function ruleBreaks (path: string, old: LockedField, now: LockedField): string[] {
  const breaks: string[] = []
  if (now.oneOf && !old.oneOf) breaks.push(`field ${path} was narrowed to a list of values: other values were accepted before`)
  const lost = now.oneOf ? old.oneOf?.filter(value => !now.oneOf!.includes(value)) ?? [] : []
  if (lost.length > 0) breaks.push(`field ${path} no longer takes ${lost.join(', ')}: senders still send it`)
  if (now.pattern !== undefined && now.pattern !== old.pattern) breaks.push(`field ${path} changed its pattern: values that were accepted may be refused`)
  if (now.charsMax !== undefined && now.charsMax < (old.charsMax ?? Infinity)) breaks.push(`field ${path} was narrowed to ${now.charsMax} characters`)
  return breaks
}

function typeBreaks (before: ContractLock, after: ContractLock): string[] {
  const breaks: string[] = []
  for (const [type, old] of Object.entries(before.types)) {
    const now = after.types[type]
    if (!now) {
      breaks.push(`event type ${type} was removed or renamed: senders still send it; keep it`)
      continue
    }
    for (const wire of Object.keys(old.fields)) {
      if (!(wire in now.fields)) breaks.push(`event type ${type} no longer declares ${wire}: its values would leave the column; keep it`)
    }
    for (const [wire, need] of Object.entries(now.fields)) {
      if (need === 'required' && old.fields[wire] !== 'required') breaks.push(`event type ${type} makes ${wire} required: senders that leave it out would be refused; keep it optional`)
      const since = after.fields[wire]?.since ?? 1
      if (!(wire in old.fields) && before.fields[wire] && since <= 1) breaks.push(`event type ${type} now declares ${wire}, which its senders could send with any type until now: add a new field instead`)
    }
    for (const [wire, value] of Object.entries(old.defaults)) {
      if (now.defaults[wire] !== value && !isWithdrawn(now.defaults[wire], before.version)) breaks.push(`event type ${type} changed the default of ${wire} from ${value} to ${now.defaults[wire] ?? 'none'}: rows would mean something else; keep it`)
    }
    for (const wire of Object.keys(now.defaults)) {
      if (!(wire in old.defaults) && wire in old.fields) breaks.push(`event type ${type} has a new default for ${wire}: an absent value meant absent until now`)
    }
  }
  return breaks
}

/** A default may be taken back, in a version of its own: rows that were written keep it, and no row gets another value. */
function isWithdrawn (now: string | undefined, versionBefore: number): boolean {
  const since = /^none since (\d+)$/.exec(now ?? '')?.[1]
  return since !== undefined && Number(since) > versionBefore
}

function widens (from: string, to: string): boolean {
  if (from === to) return true
  if (from === 'int' && to === 'long') return true
  if (from === 'float' && to === 'double') return true
  const [old, now] = [readDecimal(from), readDecimal(to)]
  return old !== null && now !== null && old.scale === now.scale && now.precision > old.precision
}

function reasonOf (from: string, to: string): string {
  if (widens(to, from)) return 'values that were accepted would no longer fit; a field may only be widened'
  return 'Iceberg widens only int → long, float → double and the precision of a decimal; add a new field'
}

function readDecimal (type: string): { precision: number, scale: number } | null {
  const match = /^decimal\((\d+), (\d+)\)$/.exec(type)
  return match ? { precision: Number(match[1]), scale: Number(match[2]) } : null
}
