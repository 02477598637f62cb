// One column of rows as Arrow's buffers: values go in bit for bit (integers, decimals and times never pass through a double),
// nulls in a bitmap. Types that Arrow has no exact form for are texts, as `npm run sql` prints them. Pure.

import {
  Binary, Bool, DateDay, Decimal, Field, Float32, Float64, Int16, Int32, Int64, Int8, List, makeData, Map_, Null, Struct, TimeMicrosecond, Timestamp, TimeUnit,
  Uint16, Uint32, Uint64, Uint8, Utf8, type Data, type DataType
} from 'apache-arrow'
import { DuckDBDecimalValue, DuckDBListValue, DuckDBMapValue, DuckDBStructValue, type DuckDBArrayValue, type DuckDBBlobValue, type DuckDBValue } from '@duckdb/node-api'
import { jsonOf, textOf } from '../../sql/print.ts'
import type { TypeTree } from './type-name.ts'

export interface ArrowColumn {
  readonly type: DataType
  data(values: readonly DuckDBValue[]): Data
}

type NumberArray = new (length: number) => Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array
const decimalWords = 2
/** Of one unit of UTF-16. */
const utf8BytesMax = 3

const plain: Readonly<Record<string, () => ArrowColumn>> = {
  TINYINT: () => numbers(new Int8(), Int8Array),
  SMALLINT: () => numbers(new Int16(), Int16Array),
  INTEGER: () => numbers(new Int32(), Int32Array),
  UTINYINT: () => numbers(new Uint8(), Uint8Array),
  USMALLINT: () => numbers(new Uint16(), Uint16Array),
  UINTEGER: () => numbers(new Uint32(), Uint32Array),
  FLOAT: () => numbers(new Float32(), Float32Array),
  DOUBLE: () => numbers(new Float64(), Float64Array),
  BIGINT: () => longs(new Int64(), BigInt),
  UBIGINT: () => longs(new Uint64(), BigInt),
  HUGEINT: () => decimals(38, 0),
  DATE: () => numbers(new DateDay(), Int32Array, value => typeof value === 'string' ? Date.parse(value + 'T00:00:00Z') / 86_400_000 : (value as { days: number }).days),
  TIME: () => longs(new TimeMicrosecond(), value => typeof value === 'string' ? microsOf('1970-01-01 ' + value) : (value as { micros: bigint }).micros),
  TIMESTAMP: () => times(TimeUnit.MICROSECOND, null, 'micros'),
  TIMESTAMP_S: () => times(TimeUnit.SECOND, null, 'seconds'),
  TIMESTAMP_MS: () => times(TimeUnit.MILLISECOND, null, 'millis'),
  TIMESTAMP_NS: () => times(TimeUnit.NANOSECOND, null, 'nanos'),
  'TIMESTAMP WITH TIME ZONE': () => times(TimeUnit.MICROSECOND, 'UTC', 'micros'),
  BLOB: () => bytes(new Binary(), value => (value as DuckDBBlobValue).bytes),
  BOOLEAN: () => booleans(),
  '"NULL"': () => ({ type: new Null(), data: values => makeData({ type: new Null(), length: values.length }) })
}

export function arrowColumn (tree: TypeTree): ArrowColumn {
  switch (tree.kind) {
    case 'plain': return plain[tree.name]?.() ?? texts()
    case 'decimal': return decimals(tree.width, tree.scale)
    case 'list': return lists(arrowColumn(tree.item))
    case 'map': return maps(arrowColumn(tree.key), arrowColumn(tree.value))
    case 'struct': return structs(tree.fields.map(({ name, type }) => ({ name, column: arrowColumn(type) })))
  }
}

function numbers (type: DataType, array: NumberArray, read: (value: DuckDBValue) => number = Number): ArrowColumn {
  return {
    type,
    data (values) {
      const data = new array(values.length)
      for (const [i, value] of values.entries()) if (value !== null) data[i] = read(value)
      return makeData({ type, ...nullsOf(values), data } as never)
    }
  }
}

function longs (type: DataType, read: (value: never) => bigint): ArrowColumn {
  return {
    type,
    data (values) {
      const data = new BigInt64Array(values.length)
      for (const [i, value] of values.entries()) if (value !== null) data[i] = BigInt.asIntN(64, read(value as never))
      return makeData({ type, ...nullsOf(values), data: type instanceof Uint64 ? new BigUint64Array(data.buffer) : data } as never)
    }
  }
}

function times (unit: TimeUnit, zone: string | null, member: 'micros' | 'seconds' | 'millis' | 'nanos'): ArrowColumn {
  return longs(new Timestamp(unit, zone), (value: string | Record<string, bigint>) => typeof value === 'string' ? microsOf(value) : value[member]!)
}

function decimals (width: number, scale: number): ArrowColumn {
  const type = new Decimal(scale, width)
  return {
    type,
    data (values) {
      const words = new BigInt64Array(values.length * decimalWords)
      for (const [i, value] of values.entries()) {
        if (value === null) continue
        const unscaled = value instanceof DuckDBDecimalValue ? value.value : BigInt(value as bigint)
        words[i * decimalWords] = BigInt.asIntN(64, unscaled)
        words[i * decimalWords + 1] = BigInt.asIntN(64, unscaled >> 64n)
      }
      return makeData({ type, ...nullsOf(values), data: new Uint32Array(words.buffer) } as never)
    }
  }
}

function booleans (): ArrowColumn {
  const type = new Bool()
  return { type, data: values => makeData({ type, ...nullsOf(values), data: bitsOf(values, value => value === true) } as never) }
}

function bytes (type: DataType, read: (value: DuckDBValue) => Uint8Array): ArrowColumn {
  return {
    type,
    data (values) {
      const parts = values.map(value => value === null ? new Uint8Array(0) : read(value))
      return makeData({ type, ...nullsOf(values), valueOffsets: offsetsOf(parts.map(part => part.length)), data: Buffer.concat(parts) } as never)
    }
  }
}

/** Written into one buffer: a buffer for each would cost more than the rest. */
function texts (): ArrowColumn {
  const type = new Utf8()
  return {
    type,
    data (values) {
      const parts = values.map(value => typeof value === 'string' ? value : value === null ? '' : printText(value))
      const data = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + part.length * utf8BytesMax, 0))
      const valueOffsets = new Int32Array(parts.length + 1)
      let end = 0
      for (const [i, part] of parts.entries()) {
        end += data.write(part, end)
        valueOffsets[i + 1] = end
      }
      return makeData({ type, ...nullsOf(values), valueOffsets, data: data.subarray(0, end) } as never)
    }
  }
}

function lists (item: ArrowColumn): ArrowColumn {
  const type = new List(new Field('item', item.type, true))
  return {
    type,
    data (values) {
      const items = values.map(value => value === null ? [] : (value as DuckDBListValue | DuckDBArrayValue).items)
      return makeData({ type, ...nullsOf(values), valueOffsets: offsetsOf(items.map(one => one.length)), child: item.data(items.flat()) } as never)
    }
  }
}

function maps (key: ArrowColumn, value: ArrowColumn): ArrowColumn {
  const entry = new Struct([new Field('key', key.type, false), new Field('value', value.type, true)])
  const type = new Map_(new Field('entries', entry, false) as never, false)
  return {
    type,
    data (values) {
      const entries = values.map(map => map === null ? [] : (map as DuckDBMapValue).entries)
      const all = entries.flat()
      const child = makeData({ type: entry, length: all.length, nullCount: 0, children: [key.data(all.map(one => one.key)), value.data(all.map(one => one.value))] } as never)
      return makeData({ type, ...nullsOf(values), valueOffsets: offsetsOf(entries.map(one => one.length)), child } as never)
    }
  }
}

function structs (fields: readonly { name: string, column: ArrowColumn }[]): ArrowColumn {
  const type = new Struct(fields.map(({ name, column }) => new Field(name, column.type, true)))
  return {
    type,
    data: values => makeData({
      type,
      ...nullsOf(values),
      children: fields.map(({ name, column }) => column.data(values.map(value => value === null ? null : (value as DuckDBStructValue).entries[name] ?? null)))
    } as never)
  }
}

function nullsOf (values: readonly DuckDBValue[]): { length: number, nullCount: number, nullBitmap?: Uint8Array } {
  const nullCount = values.filter(value => value === null).length
  return nullCount === 0 ? { length: values.length, nullCount } : { length: values.length, nullCount, nullBitmap: bitsOf(values, value => value !== null) }
}

function bitsOf (values: readonly DuckDBValue[], isSet: (value: DuckDBValue) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 64) * 8)
  for (const [i, value] of values.entries()) if (isSet(value)) bits[i >> 3]! |= 1 << (i & 7)
  return bits
}

function offsetsOf (lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1)
  for (const [i, length] of lengths.entries()) offsets[i + 1] = offsets[i]! + length
  return offsets
}

function printText (value: DuckDBValue): string {
  return value instanceof DuckDBListValue || value instanceof DuckDBStructValue || value instanceof DuckDBMapValue ? jsonOf(value) : textOf(value, '')
}

/** Of `2026-01-31 12:00:00.123456+00`, which is how Trino's times arrive. */
function microsOf (text: string): bigint {
  const [, whole = text, fraction = '', zone = 'Z'] = /^(.*?)(?:\.(\d+))?([+-]\d\d(?::?\d\d)?|Z)?$/.exec(text) ?? []
  const ms = Date.parse(whole.replace(' ', 'T') + (zone === '+00' ? 'Z' : zone))
  return BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6) || '0')
}
