// Messages of one partition as columns: one buffer of values laid back to back, one object for headers that are alike.
// Pure; order is that of the messages.

import type { RecordBatch, RecordHeaders } from '../types.ts'
import type { NativeMessage } from './client.ts'

const none: RecordHeaders = Object.freeze({})
/** All headers of a record of ours, as one JSON object: a header costs producer and reader a microsecond each. Others may send plain ones. */
export const packedHeader = 'firn.headers'

/** `messages` are of one partition, offsets rising; the batch takes those in [from, to). */
export function toBatch (messages: readonly NativeMessage[], from: number, to: number): RecordBatch {
  const { topic, partition, offset } = messages[from]!
  const count = to - from
  let size = 0
  for (let i = from; i < to; i++) size += messages[i]!.value?.length ?? 0
  const bytes = Buffer.allocUnsafeSlow(size)
  const offsetDelta = new Uint32Array(count)
  const timestampMs = new Float64Array(count)
  const valueStart = new Uint32Array(count)
  const valueEnd = new Uint32Array(count)
  const headersIndex = new Uint32Array(count)
  const headers: RecordHeaders[] = []
  const known = new Map<string, number>()
  let at = 0
  for (let i = 0; i < count; i++) {
    const message = messages[from + i]!
    offsetDelta[i] = message.offset - offset
    timestampMs[i] = message.timestamp !== undefined && message.timestamp >= 0 ? message.timestamp : 0
    valueStart[i] = at
    if (message.value !== null) {
      message.value.copy(bytes, at)
      at += message.value.length
    }
    valueEnd[i] = at
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
    key: i => keyOf(messages[from + i]!)
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

function keyOf ({ key }: NativeMessage): string | null {
  return key === null || key === undefined ? null : typeof key === 'string' ? key : key.toString()
}
