// Decides about one scanned event: is it complete, is each declared field of its kind, does its time lie in the window.
// Works on the tokens that the scanner stamped; makes strings only of the id, the type and the key. The first thing
// that is wrong is reported, with its path; nothing is coerced, nothing is changed in the value. What is right and says
// nothing (an optional id, a currency that is none) is put aside: the writer, who judges alike, leaves it in `$extra`.
import { depthMax } from './scanner.ts'
import type { Scanner } from './scanner.ts'
import { clip, token } from './tokens.ts'
import { scopeNone, scopeTop } from './plan.ts'
import type { Plan, PlannedField, PlannedType } from './plan.ts'
import { describe } from './errors.ts'
import type { ContractErrorCode } from './errors.ts'
import { moneyRule, multiplyMoney, readMoney, roundMoney } from './money.ts'
import { isTimestamp, printTimestamp, readTimestamp, timestampRule } from './timestamp.ts'
import { hashOf } from './names.ts'
import { currencyOf, isCurrencyCode } from './currencies.ts'
import { mayMeanNothing, meansNothing } from './identities.ts'

export interface Window {
  receivedAtMs: number
  futureMinutesMax: number
  ageDaysMax: number | null
  /** Whether money with more than two decimals is rounded; refused when not set. */
  moneyRound?: boolean
  /** Whether the event has just been sent, so that `sent_at` tells a wrong clock; not when it lay in a file. */
  live?: boolean
}

/** A value that lands in another form; as it was sent it stays in `properties.$extra`. `value` is JSON. */
export interface Amendment { readonly wire: string, readonly value: string }

/** A request may take this long on its way before the client's clock is taken for wrong. */
const clockToleranceMs = 60_000

export interface Refusal { code: ContractErrorCode, path: string | null, message: string }

export interface Judge {
  /** `text` is the body read as latin1: its indexes are those of the bytes. Returns null when the event holds. */
  judge (bytes: Buffer, text: string, window: Window): Refusal | null
  /** Of the event judged last: */
  eventId (): string | null
  eventType (): string
  key (): string
  hasExtra (): boolean
  /** field ids whose money has to be quoted in the forwarded value, mostly none */
  quoted (): readonly number[]
  /** wire names of the fields whose value is kept aside, mostly none */
  aside (): readonly string[]
  /**
   * Of an event that was accepted: finds what is kept aside and what is amended, as `judge` did.
   * `sentLiveAtMs`: when the gateway received it; null for what came from a file.
   */
  judgeLater (bytes: Buffer, text: string, sentLiveAtMs: number | null): void
  /** the values that land in another form, mostly none */
  amended (): readonly Amendment[]
}

const noNames: readonly string[] = Object.freeze([])
const noAmendments: readonly Amendment[] = Object.freeze([])

export function createJudge (plan: Plan, scanner: Scanner): Judge {
  const { kind, start, end, stamp, extra, seen } = scanner
  const { event_id: idField, event_type: typeField, timestamp: timeField, session_id: sessionField, user_id: userField } = plan.top as Record<string, PlannedField>
  const sentField: PlannedField | undefined = plan.top['sent_at']
  if (!idField || !typeField || !timeField || !sessionField || !userField) throw new Error('the contract must have event_id, event_type, timestamp, session_id and user_id')

  let bytes: Buffer = Buffer.alloc(0)
  let text = ''
  let now = 0
  let hasExtra = false
  let typeName = ''
  let refusal: Refusal | null = null
  const quoted: number[] = []
  let aside: string[] | null = null
  let amended: (Amendment & { id: number })[] | null = null
  let rounds = false
  const misfit = new Int32Array(plan.fields.length) // stamped like `stamp`

  function begin (nextBytes: Buffer, nextText: string): void {
    bytes = nextBytes
    text = nextText
    now = scanner.now()
    refusal = null
    aside = null
    amended = null
    hasExtra = extra[scopeTop] === now
    if (quoted.length > 0) quoted.length = 0
  }

  function judge (nextBytes: Buffer, nextText: string, window: Window): Refusal | null {
    begin(nextBytes, nextText)
    rounds = window.moneyRound === true
    const flag = scanner.flag()
    if (flag !== null) return refuse(flag.code, flag.path === '' ? null : flag.path, { ...flag, path: flag.path === '' ? 'a key' : flag.path, depthMax })
    if (!isThere(idField!)) return missing(idField!, '')
    if (!isThere(typeField!)) return missing(typeField!, '')
    if (!isThere(timeField!)) return missing(timeField!, '')

    const type = findType()
    if (type === null) return refuseType(typeField!)
    const count = scanner.seenCount()
    for (let n = 0; n < count; n++) {
      const field = plan.fields[seen[n]!]!
      if (field.path.length !== field.wire.length) continue // a child: judged with its group
      if (type.declares[field.id] === 0) {
        if (!judgeUndeclared(field)) return refusal
      } else if (!judgeField(field)) {
        if (!keepAside(field)) return refusal ?? refuseType(field)
      } else if (field.sense !== null && saysNothing(field)) {
        if (type.needs[field.id] === 1) return refuse('EVENT_ID_MEANINGLESS', field.path, { path: field.path, got: got(field.id) })
        setAside(field)
      }
    }
    for (const field of type.required) if (!isThere(field)) return missing(field, ` on ${typeName}`)
    for (const product of type.products) if (!judgeProduct(product)) return refusal
    return judgeWindow(window)
  }

  function isThere (field: PlannedField): boolean {
    return stamp[field.id] === now && kind[field.id] !== token.null
  }

  function findType (): PlannedType | null {
    const id = typeField!.id
    if (kind[id] === token.string) {
      const from = start[id]! + 1
      const to = end[id]! - 1
      const found = plan.typeNames.find(hashOf(bytes, from, to), bytes, from, to)
      if (found >= 0) {
        const type = plan.types[found]!
        typeName = type.name!
        return type
      }
    } else if (!isString(id)) return null
    typeName = stringOf(id)
    if (!typeField!.pattern!.test(typeName)) return null
    return plan.types.find(({ name }) => name === typeName) ?? plan.undeclared
  }

  /** False: not of its kind, or (refusal set) something more specific is wrong. */
  function judgeField (field: PlannedField): boolean {
    const id = field.id
    const found = kind[id]!
    const rule = field.kind
    if (found === token.null && rule.is !== 'reserved') return true // null is as good as absent
    switch (rule.is) {
      case 'text':
        return isString(id) && (field.free || field === typeField || judgeText(id, field)) // the type was found before
      case 'integer':
        if (field.isInt32) return (found === token.integer || found === token.real) && isInt32(numberOf(id))
        return found === token.integer || (found === token.real && Number.isSafeInteger(numberOf(id)))
      case 'double':
        return found === token.integer || found === token.real
      case 'money':
        return judgeMoney(id) || (rounds && amendMoney(field))
      case 'boolean':
        return found === token.boolean
      case 'time':
        return isString(id) && !Number.isNaN(timeOf(id))
      case 'struct':
        return isString(id) ? field.plain!.free || judgeText(id, field.plain!) : found === token.object && judgeChildren(field)
      case 'object':
        return found === token.object && judgeReserved(field)
      case 'reserved':
        refuse('EVENT_RESERVED_FIELD', field.path, { path: field.path })
        return false
    }
  }

  /** The string at field `id` by the rules of `field`. */
  function judgeText (id: number, field: PlannedField): boolean {
    const rule = field.kind
    if (rule.is !== 'text') return false
    if (field.oneOf !== null && !field.oneOf.has(stringOf(id))) return false
    if (field.pattern !== null && !field.pattern.test(stringOf(id))) return false
    let chars = end[id]! - start[id]! - 2
    if (kind[id] !== token.string && (rule.charsMax === null || chars > rule.charsMax || kind[id] === token.stringEscaped)) chars = [...stringOf(id)].length
    return chars >= rule.charsMin && (rule.charsMax === null || chars <= rule.charsMax)
  }

  function judgeMoney (id: number): boolean {
    const found = kind[id]!
    if (found === token.integer || found === token.integerUnsafe || found === token.real) {
      const money = readMoney(bytes, start[id]!, end[id]!)
      if (money === 1) quoted.push(id)
      return money >= 0
    }
    if (found === token.string) return readMoney(bytes, start[id]! + 1, end[id]! - 1) >= 0
    if (found !== token.stringEscaped) return false
    const decoded = Buffer.from(stringOf(id))
    return readMoney(decoded, 0, decoded.length) >= 0
  }

  /** A later field's money is put aside instead: it refused nothing, and the writer has to find the same without a setting. */
  function amendMoney (field: PlannedField): boolean {
    const { id, wire, path, lenient } = field
    if (lenient || path.length !== wire.length) return false
    const money = roundMoney(isString(id) ? stringOf(id) : bytes.toString('latin1', start[id]!, end[id]!))
    if (money !== null) amend(field, money)
    return money !== null
  }

  function amend ({ id, wire }: PlannedField, text: string): void {
    hasExtra = true
    ;(amended ??= []).push({ id, wire, value: `"${text}"` })
  }

  function judgeChildren (field: PlannedField): boolean {
    for (const child of field.children) {
      if (stamp[child.id] === now && !judgeField(child)) {
        if (refusal === null) refuseType(child)
        return false
      }
    }
    if (extra[field.scope] === now) hasExtra = true
    return true
  }

  function judgeReserved (field: PlannedField): boolean {
    for (const child of field.children) if (stamp[child.id] === now) judgeField(child)
    return refusal === null
  }

  /** A field of the contract that this type does not declare is kept as sent, like any unknown key. */
  function judgeUndeclared (field: PlannedField): boolean {
    if (field.kind.is === 'reserved') return judgeField(field)
    hasExtra = true
    judgeNumbers(field)
    return refusal === null
  }

  /** A field added after version 1 must not break the client that has been sending something else under its name. */
  function keepAside (field: PlannedField): boolean {
    if (!field.lenient) return false
    refusal = null // that of a member of the group; an earlier one has ended the judgement
    setAside(field)
    judgeNumbers(field)
    return refusal === null
  }

  function setAside (field: PlannedField): void {
    hasExtra = true
    misfit[field.id] = now
    ;(aside ??= []).push(field.wire)
  }

  /** Of a string: an id that means nothing, a currency that is none. */
  function saysNothing ({ id, sense }: PlannedField): boolean {
    if (!isString(id)) return false
    if (sense === 'currency') return !isCurrencyCode(bytes, start[id]! + 1, end[id]! - 1) && currencyOf(stringOf(id)) === null
    return (kind[id] === token.stringEscaped || mayMeanNothing(bytes, start[id]! + 1, end[id]! - 1)) && meansNothing(stringOf(id))
  }

  function judgeLater (nextBytes: Buffer, nextText: string, sentLiveAtMs: number | null): void {
    begin(nextBytes, nextText)
    rounds = true // that money of more decimals was accepted says that it is rounded
    const type = (isThere(typeField!) ? findType() : null) ?? plan.undeclared
    for (let n = 0, count = scanner.seenCount(); n < count; n++) {
      const field = plan.fields[seen[n]!]!
      if (type.declares[field.id] === 0) continue
      const isOfKind = (!field.lenient && field.kind.is !== 'money') || judgeField(field)
      if (!isOfKind) keepAside(field)
      else if (field.sense !== null && type.needs[field.id] === 0 && saysNothing(field)) setAside(field)
      refusal = null
    }
    if (sentLiveAtMs !== null && isThere(timeField!) && isString(timeField!.id)) eventTimeOf(sentLiveAtMs)
    refusal = null
  }

  function judgeNumbers (field: PlannedField): void {
    const found = kind[field.id]!
    if (found === token.integerUnsafe || found === token.realUnsafe) refuse('EVENT_NUMBER_RANGE', field.path, { path: field.path, got: got(field.id) })
    else if (found === token.object && field.scope !== scopeNone) for (const child of field.children) if (stamp[child.id] === now) judgeNumbers(child)
  }

  function judgeProduct ({ target, left, right }: PlannedType['products'][number]): boolean {
    if (isThere(target) || !isThere(left) || !isThere(right)) return true
    if (misfit[left.id] === now || misfit[right.id] === now) return true // kept aside: no default
    const count = numberOf(left.id)
    const rounded = amended?.find(({ id }) => id === right.id)?.value.slice(1, -1)
    const price = rounded ?? (isString(right.id) ? stringOf(right.id) : bytes.toString('latin1', start[right.id]!, end[right.id]!))
    if (Math.abs(count * Number(price)) < 9e15 || multiplyMoney(count, price) !== null) return true
    refuse('EVENT_FIELD_RANGE', target.path, { path: target.path, expected: 'given, or its default within 16 digits before the point', got: `${left.wire} × ${right.wire} = ${count} × ${clip(price)}` })
    return false
  }

  /** By the client's clock, or by ours where the client's is wrong: then the event is amended. */
  function eventTimeOf (sentLiveAtMs: number | null): number {
    const ms = timeOf(timeField!.id)
    if (sentLiveAtMs === null || sentField === undefined || !isThere(sentField) || misfit[sentField.id] === now) return ms
    const aheadMs = timeOf(sentField.id) - sentLiveAtMs
    const correctedMs = ms - aheadMs
    if (!(Math.abs(aheadMs) > clockToleranceMs) || !isTimestamp(correctedMs)) return ms
    amend(timeField!, printTimestamp(correctedMs))
    return correctedMs
  }

  function judgeWindow ({ receivedAtMs, futureMinutesMax, ageDaysMax, live }: Window): Refusal | null {
    const ms = eventTimeOf(live === true ? receivedAtMs : null)
    if (ms <= receivedAtMs + futureMinutesMax * 60_000 && (ageDaysMax === null || ms >= receivedAtMs - ageDaysMax * 86_400_000)) return null
    const behind = ageDaysMax === null ? '' : ` and ${ageDaysMax} days behind`
    return refuse('EVENT_TIMESTAMP_OUT_OF_WINDOW', timeField!.path, {
      path: timeField!.path,
      expected: `at most ${futureMinutesMax} minutes ahead${behind} of the time of receipt, ${new Date(receivedAtMs).toISOString()}`,
      got: `${got(timeField!.id)}${amended?.some(({ id }) => id === timeField!.id) ? `, which by its sent_at is ${new Date(ms).toISOString()}` : ''}`
    })
  }

  function timeOf (id: number): number {
    if (kind[id] === token.string) return readTimestamp(bytes, start[id]! + 1, end[id]! - 1)
    const decoded = Buffer.from(stringOf(id))
    return readTimestamp(decoded, 0, decoded.length)
  }

  function isString (id: number): boolean {
    const found = kind[id]!
    return found >= token.string && found <= token.stringEscaped
  }

  function stringOf (id: number): string {
    const from = start[id]!
    const to = end[id]!
    if (kind[id] === token.string) return text.substring(from + 1, to - 1)
    if (kind[id] === token.stringUtf8) return bytes.toString('utf8', from + 1, to - 1)
    return JSON.parse(bytes.toString('utf8', from, to)) as string
  }

  function numberOf (id: number): number {
    return Number(bytes.toString('latin1', start[id]!, end[id]!))
  }

  function got (id: number): string {
    return clip(bytes.toString('utf8', start[id]!, Math.min(end[id]!, start[id]! + 80)))
  }

  function missing (field: PlannedField, context: string): Refusal {
    return refuse('EVENT_FIELD_MISSING', field.path, { path: field.path, context })
  }

  function refuseType (field: PlannedField): Refusal {
    if (kind[field.id] === token.integerUnsafe || kind[field.id] === token.realUnsafe) {
      if (field.kind.is !== 'money') return refuse('EVENT_NUMBER_RANGE', field.path, { path: field.path, got: got(field.id) })
    }
    const code = field === timeField ? 'EVENT_TIMESTAMP_INVALID' : 'EVENT_FIELD_TYPE'
    return refuse(code, field.path, { path: field.path, expected: expectationOf(field), got: got(field.id) })
  }

  function refuse (code: ContractErrorCode, path: string | null, values: Record<string, unknown>): Refusal {
    refusal ??= { code, path, message: describe(code, values) }
    return refusal
  }

  function eventId (): string | null {
    if (stamp[idField!.id] !== scanner.now() || !isString(idField!.id)) return null
    const id = stringOf(idField!.id)
    return id.length > 256 ? null : id
  }

  function key (): string {
    for (const { id } of [sessionField!, userField!]) {
      if (stamp[id] === now && misfit[id] !== now && isString(id)) return stringOf(id)
    }
    return stringOf(idField!.id)
  }

  return {
    judge,
    judgeLater,
    eventId,
    eventType: () => typeName,
    key,
    hasExtra: () => hasExtra,
    quoted: () => quoted,
    aside: () => aside ?? noNames,
    amended: () => amended === null ? noAmendments : amended.map(({ wire, value }) => ({ wire, value }))
  }
}

function isInt32 (value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31
}

function expectationOf ({ kind, isInt32 }: PlannedField): string {
  switch (kind.is) {
    case 'text':
      if (kind.oneOf) return `one of ${kind.oneOf.join(', ')}`
      if (kind.pattern !== null) return `a string that matches ${kind.pattern}`
      return kind.charsMax === null ? 'a string' : `a string of ${kind.charsMin} to ${kind.charsMax} characters`
    case 'integer': return isInt32 ? 'an integer of 32 bits' : 'an integer'
    case 'double': return 'a number'
    case 'money': return moneyRule
    case 'boolean': return 'true or false'
    case 'time': return timestampRule
    case 'struct': return `an object or a string (its ${kind.textBecomes})`
    case 'object': return 'a JSON object'
    case 'reserved': return 'absent'
  }
}
