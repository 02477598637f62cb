// For tests: gateway and writer, each by the shipped contract or by a later one, as in a release that is under way. What
// the one accepts goes through a real log and the real engine of the other.
import { mkdirSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { columnsOf, contract, contractVersion, createReader, type CheckedEvent, type Contract, type ContractColumn, type EventReader } from '../openapi/index.ts'
import { openLog, type LogRecord, type RecordHeaders } from '../log/index.ts'
import { contractSql, declaredNames } from './columns.ts'
import type { Engine } from './engine.ts'
import { Framer, type FramerOptions } from './framer.ts'
import { grownContract } from './grown-contract.fixture.ts'
import { dropBatch, parseBatch } from './pipeline.ts'

export interface Side { readonly of: Contract, readonly version: number, readonly reader: EventReader, readonly columns: ContractColumn[] }

const sideOf = (of: Contract, version: number): Side => ({ of, version, reader: createReader(of), columns: columnsOf(of) })

export const sides = { shipped: sideOf(contract, contractVersion), grown: sideOf(grownContract, contractVersion + 1) }

export interface Landing { readonly dir: string, readonly name: string, readonly gateway: Side, readonly writer: Side, readonly nowMs: number, readonly headers?: RecordHeaders, readonly moneyRound?: boolean }

type Row = Record<string, unknown>

/** Rows in the order of the events, times in microseconds; how often which field's value was kept aside. */
export async function landThrough (engine: Engine, landing: Landing, events: readonly Extract<CheckedEvent, { ok: true }>[]): Promise<{ rows: Row[], aside: Map<string, number>, amended: Map<string, number> }> {
  const { gateway, nowMs, headers: more } = landing
  const headers: RecordHeaders = { received_at: String(nowMs * 1000), ...gateway.version > 1 ? { contract: String(gateway.version) } : {}, ...more }
  const records = events.map((event): LogRecord => ({ topic: 't', key: event.key, value: event.value, headers: { ...headers, ...event.hasExtra ? { extra: '1' } : {} }, timestampMs: nowMs }))
  const { rows, framer } = await landRecords(engine, landing, records)
  if (framer.misfits.length > 0) throw new Error(`a misfit: ${framer.misfits[0]!.error} ${framer.misfits[0]!.payload.toString()}`)
  return { rows, aside: framer.keptAside, amended: framer.amended }
}

/** Records of any producer, to topic `t`. */
export async function landRecords (engine: Engine, { dir, name, writer, moneyRound = false }: Omit<Landing, 'gateway'>, records: readonly LogRecord[], mappings: FramerOptions['mappings'] = {}): Promise<{ rows: Row[], framer: Framer }> {
  mkdirSync(dir)
  const log = await openLog(pathToFileURL(`${dir}/log`).href, { partitions: 1 })
  await log.ensureTopic('t')
  await log.append([...records])
  const reader = await log.open({ topics: ['t'], startAt: () => 0n })
  const framer = new Framer(name, { dir, eventBytesMax: 65_536, futureMinutesMax: 60, ageDaysMax: 7, mappings, moneyRound, contract: { ...writer.reader, version: writer.version, declared: declaredNames(writer.of) } })
  while (framer.records < records.length) {
    const read = await reader.poll(1000, 1e7)
    if (read?.kind === 'batch') framer.add(read.batch, read.batch.firstOffset)
  }
  await reader.close()
  await log.close()
  framer.seal()
  const batch = await parseBatch(engine.parser, framer, contractSql(writer.of))
  const times = writer.columns.filter(({ type }) => type === 'timestamptz').map(({ name }) => `epoch_us(${name}) AS ${name}`)
  const rows = (await engine.main.runAndReadAll(`SELECT * REPLACE (${times.join(', ')}) FROM ${batch.table} ORDER BY log_offset`)).getRowObjectsJson() as Row[]
  await dropBatch(engine.main, framer)
  framer.discard()
  return { rows, framer }
}
