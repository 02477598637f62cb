// Messages of one partition as columns: one buffer of values laid back to back, one of keys, one object for headers that are
// alike. Copies, since each message of the client is several small objects and a batch may be held for long.
// Pure; order is that of the messages.

import type { RecordBatch, RecordHeaders } from '../types.ts'
import type { NativeMessage } from './client.ts'

const none: RecordHeaders = Object.freeze({})
/** All headers of a record of ours, as one JSON object: a header costs producer and reader a microsecond each. Others may send plain ones. */
export const packedHeader = 'firn.headers'

/** `messages` are of one partition, offsets rising; the batch takes those in [from, to). */
export function toBatch (messages: readonly NativeMessage[], from: number, to: number, fingerprint = ''): RecordBatch {
  const { topic, partition, offset } = messages[from]!
  const count = to - from
  let [size, keySize] = [0, 0]
  for (let i = from; i < to; i++) {
    const { value, key } = messages[i]!
    size += value?.length ?? 0
    keySize += key?.length ?? 0
  }
  const bytes = Buffer.allocUnsafeSlow(size)
  const keys = Buffer.allocUnsafeSlow(keySize)
  const keyEnd = new Uint32Array(count)
  const isKeyless = new Uint8Array(count)
  const offsetDelta = new Uint32Array(count)
  const timestampMs = new Float64Array(count)
  const valueStart = new Uint32Array(count)
  const valueEnd = new Uint32Array(count)
  const headersIndex = new Uint32Array(count)
  const headers: RecordHeaders[] = []
  const known = new Map<string, number>()
  let [at, keyAt] = [0, 0]
  for (let i = 0; i < count; i++) {
    const message = messages[from + i]!
    offsetDelta[i] = message.offset - offset
    timestampMs[i] = message.timestamp !== undefined && message.timestamp >= 0 ? message.timestamp : 0
    valueStart[i] = at
    if (message.value !== null) {
      bytes.set(message.value, at)
      at += message.value.length
    }
    valueEnd[i] = at
    if (message.key === null || message.key === undefined) isKeyless[i] = 1
    else {
      keys.set(message.key, keyAt)
      keyAt += message.key.length
    }
    keyEnd[i] = keyAt
    const name = nameOf(message.headers)
    let index = known.get(name)
    if (index === undefined) {
      known.set(name, index = headers.length)
      headers.push(decode(message.headers))
    }
    headersIndex[i] = index
  }
  return {
    topic,
    partition,
    firstOffset: BigInt(offset),
    nextOffset: BigInt(messages[to - 1]!.offset) + 1n,
    count,
    offsetDelta,
    timestampMs,
    bytes,
    valueStart,
    valueEnd,
    headers,
    headersIndex,
    fingerprint,
    key: i => isKeyless[i] === 1 ? null : keys.toString('utf8', i === 0 ? 0 : keyEnd[i - 1], keyEnd[i])
  }
}

function nameOf (headers: NativeMessage['headers']): string {
  if (headers === undefined || headers.length === 0) return ''
  if (headers.length === 1) {
    const packed = headers[0]![packedHeader]
    if (packed !== undefined) return packed.toString('latin1')
  }
  let name = ''
  for (const header of headers) {
    for (const key in header) name += `${key}\0${header[key]!.toString('latin1')}\0`
  }
  return name
}

function decode (headers: NativeMessage['headers']): RecordHeaders {
  if (headers === undefined || headers.length === 0) return none
  const packed = headers.length === 1 ? headers[0]![packedHeader] : undefined
  const unpacked = packed === undefined ? null : unpack(packed.toString())
  return unpacked ?? Object.fromEntries(headers.flatMap(header => Object.entries(header).map(([key, value]) => [key, value.toString()])))
}

/** Null when somebody else used our name for something else. */
function unpack (text: string): RecordHeaders | null {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null && Object.values(value).every(each => typeof each === 'string') ? value as RecordHeaders : null
  } catch {
    return null
  }
}
