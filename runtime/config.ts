// Settings: one TypeBox object schema per process, read once at start from FIRN_… variables and from flags of the same
// name (FIRN_GATEWAY_PORT is --gateway-port), flags first. Refuses what it does not know, naming the nearest setting,
// and any value outside its type or bounds. A property that is not named FIRN_… is a flag only (--rate), `_` takes the
// words that are not flags. The result is frozen; nothing else in a process reads the environment.

import { type Static, type TObject, type TSchema } from 'typebox'
import { fail } from './errors.ts'
import { describeSettings } from './settings-table.ts'
import { show } from './shown.ts'

export interface ConfigSource {
  env?: NodeJS.ProcessEnv
  argv?: string[]
}

/** The part of a JSON schema that a setting may use. `secret` keeps its value out of every message. */
export interface SettingSchema {
  type?: string
  default?: unknown
  description?: string
  minimum?: number
  maximum?: number
  pattern?: string
  minLength?: number
  enum?: unknown[]
  anyOf?: SettingSchema[]
  const?: unknown
  items?: SettingSchema
  secret?: boolean
}

/** Settings that every process has. */
export const settingsOfAll: Record<string, SettingSchema> = {
  FIRN_LOG_LEVEL: {
    enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    default: 'info',
    description: 'how much each process logs'
  }
}

/** Reads and checks the settings of one process. `--help` prints their table and ends the process with 0. */
export function readConfig<S extends TObject> (process_: string, schema: S, source: ConfigSource = {}): Readonly<Static<S>> {
  const env = source.env ?? process.env
  const settings = settingsOf(schema)
  const { flags, words, help } = readFlags(process_, settings, source.argv ?? process.argv.slice(2))
  if (help) {
    show(describeSettings(process_, settings).trimEnd().split('\n'))
    process.exit(0)
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith('FIRN_') && !(name in settings)) throw unknownSetting(process_, name, Object.keys(settings))
  }
  const config: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(settings)) {
    if (name === '_') {
      config._ = words
      continue
    }
    const text = flags.get(name) ?? (name.startsWith('FIRN_') ? env[name] : undefined)
    const value = text === undefined || text === '' ? defaultOf(name, setting, isOptional(schema, name)) : parseSetting(name, setting, text)
    if (value !== undefined) config[name] = value
  }
  return Object.freeze(config) as Readonly<Static<S>>
}

/** The settings of a schema by name, those of every process included. */
export function settingsOf (schema: TObject): Record<string, SettingSchema> {
  return { ...schema.properties as Record<string, TSchema & SettingSchema>, ...settingsOfAll }
}

/** FIRN_GATEWAY_PORT → --gateway-port; countMax → --count-max. */
export function flagOf (name: string): string {
  const bare = name.startsWith('FIRN_') ? name.slice(5) : name.replace(/([a-z0-9])([A-Z])/g, '$1-$2')
  return '--' + bare.toLowerCase().replaceAll('_', '-')
}

/** An error that names the unknown setting and the one that was probably meant. */
export function unknownSetting (process_: string, given: string, known: string[]): Error {
  const candidates = given.startsWith('--') ? known.filter(name => name !== '_').map(flagOf) : known.filter(name => name.startsWith('FIRN_'))
  let best: string | undefined
  let bestDistance = Math.max(3, Math.floor(given.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(given, candidate)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return fail('SETTING_UNKNOWN', { process: process_, given, nearest: best === undefined ? '' : ` (did you mean ${best}?)` })
}

function readFlags (process_: string, settings: Record<string, SettingSchema>, argv: string[]): { flags: Map<string, string>, words: string[], help: boolean } {
  const byFlag = new Map(Object.keys(settings).filter(name => name !== '_').map(name => [flagOf(name), name]))
  const flags = new Map<string, string>()
  const words: string[] = []
  let help = false
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string
    if (word === '--help' || word === '-h') {
      help = true
    } else if (word === '--') {
      words.push(...argv.slice(i + 1))
      break
    } else if (!word.startsWith('--') || /^--\s/.test(word)) {
      words.push(word)
    } else {
      const [flag, inline] = splitOnce(word, '=')
      const negated = flag.startsWith('--no-') && !byFlag.has(flag) ? byFlag.get('--' + flag.slice(5)) : undefined
      const name = negated ?? byFlag.get(flag)
      if (name === undefined) throw unknownSetting(process_, flag, Object.keys(settings))
      const setting = settings[name] as SettingSchema
      if (negated !== undefined) flags.set(name, 'false')
      else if (inline !== undefined) flags.set(name, inline)
      else if (setting.type === 'boolean') flags.set(name, 'true')
      else if (i + 1 < argv.length) flags.set(name, argv[++i] as string)
      else throw fail('SETTING_MISSING', { name: flag, expected: expectationOf(setting), why: whyOf(setting) })
    }
  }
  if (words.length > 0 && !('_' in settings) && !help) throw fail('SETTING_UNKNOWN', { process: process_, given: words[0], nearest: '' })
  return { flags, words, help }
}

function splitOnce (text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at)
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)]
}

function isOptional (schema: TObject, name: string): boolean {
  return !((schema as { required?: string[] }).required ?? []).includes(name)
}

function defaultOf (name: string, setting: SettingSchema, optional: boolean): unknown {
  if (setting.default !== undefined) return setting.default
  if (optional) return undefined
  throw fail('SETTING_MISSING', { name, expected: expectationOf(setting), why: whyOf(setting) })
}

function parseSetting (name: string, setting: SettingSchema, text: string): unknown {
  const value = parseText(setting, text)
  if (value !== undefined) return value
  const shown = setting.secret === true ? 'not readable' : JSON.stringify(text)
  throw fail('SETTING_INVALID', { name, value: shown, expected: expectationOf(setting), why: whyOf(setting) })
}

/** The value that a text stands for, or undefined when it is not one. */
function parseText (setting: SettingSchema, text: string): unknown {
  const choices = choicesOf(setting)
  if (choices !== undefined) return choices.find(choice => String(choice) === text)
  if (setting.anyOf !== undefined) {
    for (const option of setting.anyOf) {
      const value = parseText(option, text)
      if (value !== undefined) return value
    }
    return undefined
  }
  switch (setting.type) {
    case 'integer':
    case 'number': {
      const value = Number(text)
      const shape = setting.type === 'integer' ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
      if (!shape.test(text.trim()) || !Number.isFinite(value)) return undefined
      return value < (setting.minimum ?? -Infinity) || value > (setting.maximum ?? Infinity) ? undefined : value
    }
    case 'boolean':
      return { true: true, 1: true, yes: true, on: true, false: false, 0: false, no: false, off: false }[text.trim().toLowerCase()]
    case 'array': {
      const items = text.split(',').map(item => parseText(setting.items ?? { type: 'string' }, item.trim()))
      return items.includes(undefined) ? undefined : items
    }
    case 'null':
      return undefined
    default:
      if (text.length < (setting.minLength ?? 0)) return undefined
      return setting.pattern !== undefined && !new RegExp(setting.pattern).test(text) ? undefined : text
  }
}

function choicesOf (setting: SettingSchema): unknown[] | undefined {
  if (setting.const !== undefined) return [setting.const]
  if (setting.enum !== undefined) return setting.enum
  return setting.anyOf?.every(option => option.const !== undefined) === true ? setting.anyOf.map(option => option.const) : undefined
}

/** "an integer from 1 to 65535": what a value has to look like. */
export function expectationOf (setting: SettingSchema): string {
  const choices = choicesOf(setting)
  if (choices !== undefined) return 'one of ' + choices.join(', ')
  if (setting.anyOf !== undefined) return setting.anyOf.filter(option => option.type !== 'null').map(expectationOf).join(' or ')
  const bounds = [setting.minimum === undefined ? '' : ` from ${setting.minimum}`, setting.maximum === undefined ? '' : ` to ${setting.maximum}`].join('')
  switch (setting.type) {
    case 'integer': return 'an integer' + bounds
    case 'number': return 'a number' + bounds
    case 'boolean': return 'true or false'
    case 'array': return 'a comma-separated list'
    default: return setting.pattern === undefined ? 'a text' : `a text like ${setting.pattern}`
  }
}

function whyOf (setting: SettingSchema): string {
  return setting.description ?? 'no reason given'
}

function editDistance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
