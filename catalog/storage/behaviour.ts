// For tests
// What every storage must do, wherever files lie: one suite, run against each backend. A sentence per promise of
// `storage.ts`. Backends add what only they can show (crashes, denials, bounds) in tests of their own.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DuckDBInstance } from '../files/duckdb.ts'
import type { Test } from 'tap'
import type { Storage } from './storage.ts'

export interface StorageUnderTest {
  readonly storage: Storage
  /** A location that no other test uses; no slash at the end. */
  readonly base: string
  /** The same files, opened once more, as another process would. */
  again(): Storage
}

/** Names that meet every trap of escaping: what is written under one is read under it, and nothing else is. */
export const oddNames = ['a%2Fb', 'a+b', 'a b', 'x=1', 'ünï☃😀', "it's", 'c[1]*', 'q?d#e', '100%', 'ampersand&amp;', '~!$(),;@', 'dot.parquet']

export function testStorageBehaviour(t: Test, make: (t: Test) => Promise<StorageUnderTest>): void {
  const scenario = (sentence: string, run: (t: Test, made: StorageUnderTest) => Promise<void>): void => {
    void t.test(sentence, async t => { await run(t, await make(t)) })
  }

  scenario('what was written is read back, whole and in ranges', async (t, { storage, base }) => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i * 7 % 251))
    await storage.writeDurably(`${base}/a/b/c.avro`, bytes)
    t.ok((await storage.read(`${base}/a/b/c.avro`)).equals(bytes))
    t.equal(await storage.size(`${base}/a/b/c.avro`), 100_000)
    t.ok((await storage.readRange(`${base}/a/b/c.avro`, 10, 20)).equals(bytes.subarray(10, 30)))
    t.ok((await storage.readRange(`${base}/a/b/c.avro`, 99_990, 100)).equals(bytes.subarray(99_990)), 'shorter at the end')
    t.equal((await storage.readRange(`${base}/a/b/c.avro`, 100_000, 5)).length, 0, 'nothing behind the end')
    t.equal((await storage.readRange(`${base}/a/b/c.avro`, 5, 0)).length, 0)
  })

  scenario('an empty file is a file', async (t, { storage, base }) => {
    await storage.writeDurably(`${base}/empty`, Buffer.alloc(0))
    t.equal((await storage.read(`${base}/empty`)).length, 0)
    t.equal(await storage.size(`${base}/empty`), 0)
    t.equal((await storage.readRange(`${base}/empty`, 0, 4)).length, 0)
    const release = await storage.bringNear([`${base}/empty`])
    t.equal(readFileSync(storage.toEnginePath(`${base}/empty`)).length, 0)
    await release()
  })

  scenario('a file is never overwritten', async (t, { storage, base, again }) => {
    await storage.writeDurably(`${base}/once`, Buffer.from('one'))
    await t.rejects(storage.writeDurably(`${base}/once`, Buffer.from('two')), { code: 'STORAGE_EXISTS', message: /once exists already/ })
    await t.rejects(again().writeDurably(`${base}/once`, Buffer.from('one')), { code: 'STORAGE_EXISTS' }, 'the same bytes of somebody else are somebody else\'s')
    t.equal(String(await storage.read(`${base}/once`)), 'one')
  })

  scenario('of twenty who create a file at once, one wins', async (t, { storage, base, again }) => {
    const storages = Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? storage : again())
    const outcomes = await Promise.allSettled(storages.map((each, i) => each.writeDurably(`${base}/race`, Buffer.from(`writer ${i}`))))
    const won = outcomes.flatMap((outcome, i) => outcome.status === 'fulfilled' ? [i] : [])
    t.equal(won.length, 1)
    t.equal(String(await storage.read(`${base}/race`)), `writer ${won[0]}`)
    for (const outcome of outcomes) if (outcome.status === 'rejected') t.match(outcome.reason, { code: 'STORAGE_EXISTS' })
  })

  scenario('what is missing is named', async (t, { storage, base }) => {
    const missing = { code: 'STORAGE_NOT_FOUND', message: /missing\/x\.avro/, retryable: false }
    await t.rejects(storage.read(`${base}/missing/x.avro`), missing)
    await t.rejects(storage.readRange(`${base}/missing/x.avro`, 0, 1), missing)
    await t.rejects(storage.size(`${base}/missing/x.avro`), missing)
    await t.rejects(storage.makeDurable([`${base}/missing/x.avro`]), { code: 'STORAGE_UNWRITABLE', message: /missing\/x\.avro/ })
  })

  scenario('deleting what is absent is fine, and takes nothing else away', async (t, { storage, base }) => {
    await storage.writeDurably(`${base}/a`, Buffer.from('a'))
    await storage.writeDurably(`${base}/b`, Buffer.from('b'))
    await storage.delete([`${base}/a`, `${base}/never`, `${base}/never/there`])
    await storage.delete([])
    await t.rejects(storage.read(`${base}/a`), { code: 'STORAGE_NOT_FOUND' })
    t.equal(String(await storage.read(`${base}/b`)), 'b')
  })

  scenario('a folder lists all that is under it, and nothing beside it', async (t, { storage, base }) => {
    const names = ['x', 'deep/er/y', 'deep/z']
    for (const name of names) await storage.writeDurably(`${base}/folder/${name}`, Buffer.from(name))
    await storage.writeDurably(`${base}/folder_old/x`, Buffer.from('1'))
    const found = await listAll(storage, `${base}/folder`)
    t.same([...found.keys()].sort(), names.map(name => `${base}/folder/${name}`).sort())
    const file = found.get(`${base}/folder/deep/er/y`)
    t.equal(file?.bytes, 9)
    t.ok(Math.abs((file?.modifiedMs ?? 0) - Date.now()) < 600_000, 'a time of now')
    t.equal((await listAll(storage, `${base}/nowhere`)).size, 0)
  })

  scenario('every name is taken as it is: written, listed, brought near, deleted', async (t, { storage, base }) => {
    const locations = oddNames.map(name => `${base}/event_type=${name}/day=2026-11-21/${name}-1`)
    for (const location of locations) await storage.writeDurably(location, Buffer.from(location))
    for (const location of locations) t.equal(String(await storage.read(location)), location)
    t.same([...(await listAll(storage, base)).keys()].sort(), [...locations].sort())
    const release = await storage.bringNear(locations)
    for (const location of locations) t.equal(String(readFileSync(storage.toEnginePath(location))), location)
    await release()
    await storage.delete(locations)
    t.equal((await listAll(storage, base)).size, 0)
  })

  scenario('what DuckDB wrote is durable for everybody, and comes near again', async (t, { storage, base, again }) => {
    const locations = ['page_view', 'it\'s 100% [odd]'].map(type => `${base}/data/event_type=${type}/f.parquet`)
    await withDuckDB(async run => {
      for (const [i, location] of locations.entries()) {
        mkdirSync(dirname(storage.toEnginePath(location)), { recursive: true })
        await run(`COPY (SELECT n AS id, n * ${i + 1} AS twice FROM range(1000) t(n)) TO ${quote(storage.toEnginePath(location))} (FORMAT parquet)`)
      }
      await storage.makeDurable(locations)
      await storage.makeDurable(locations)
      const other = again()
      const release = await other.bringNear(locations)
      t.same(await run(`SELECT count(*)::INT, sum(twice)::INT FROM read_parquet([${locations.map(location => pattern(other.toEnginePath(location))).join(', ')}])`), [[2000, 499_500 * 3]])
      await release()
      await release()
    })
  })

  scenario('columns that were asked for can be read, whatever else was asked for before', async (t, { storage, base }) => {
    const location = `${base}/wide.parquet`
    await withDuckDB(async run => {
      mkdirSync(dirname(storage.toEnginePath(location)), { recursive: true })
      await run(`COPY (${wideRows}) TO ${quote(storage.toEnginePath(location))} (FORMAT parquet, ROW_GROUP_SIZE 20000, COMPRESSION zstd)`)
      await storage.makeDurable([location])
      const source = () => `read_parquet(${pattern(storage.toEnginePath(location))})`
      const releases = [await storage.bringNear([location], ['id', 'hour'])]
      t.same(await run(`SELECT count(*)::INT, sum(id)::BIGINT, max(hour)::INT FROM ${source()} WHERE id >= 10`), [[59_990, 1_799_969_955n, 59]])
      releases.push(await storage.bringNear([location], ['place', 'id']))
      t.same(await run(`SELECT sum(length(place.city))::INT, count(DISTINCT place.n)::INT, sum(id)::BIGINT FROM ${source()}`), [[348_890, 7, 1_799_970_000n]])
      t.same(await run(`SELECT count(*)::INT FROM ${source()} WHERE id = 59999`), [[1]])
      releases.push(await storage.bringNear([location], ['id', 'no such column']))
      t.same(await run(`SELECT count(DISTINCT noise)::INT, sum(id)::BIGINT FROM ${source()}`), [[60_000, 1_799_970_000n]])
      for (const release of releases) await release()
    })
  })

  scenario('many ask for the same files at the same time', async (t, { storage, base }) => {
    const locations = Array.from({ length: 10 }, (_, i) => `${base}/many/${i}`)
    await Promise.all(locations.map(location => storage.writeDurably(location, Buffer.alloc(50_000, location))))
    await Promise.all(Array.from({ length: 8 }, async () => {
      const release = await storage.bringNear([...locations, ...locations])
      t.ok(locations.every(location => readFileSync(storage.toEnginePath(location)).equals(Buffer.alloc(50_000, location))))
      await release()
    }))
    await t.rejects(storage.bringNear([`${base}/many/0`, `${base}/not/there`]).then(async release => {
      // A local file needs nothing to be near: that it is missing shows when it is opened.
      const isThere = existsSync(storage.toEnginePath(`${base}/not/there`))
      await release()
      if (!isThere) throw Object.assign(new Error(), { code: 'STORAGE_NOT_FOUND' })
    }), { code: 'STORAGE_NOT_FOUND' })
  })
}

/** Three row groups, each with chunks larger than what is fetched for the footer. */
export const wideRows = "SELECT n AS id, md5(n::VARCHAR) || md5((n + 1)::VARCHAR) AS noise, n // 1000 AS hour, {'city': 'c' || n, 'n': n % 7} AS place, md5((n * 3)::VARCHAR) AS more FROM range(60000) t(n)"

export async function listAll(storage: Storage, prefix: string): Promise<Map<string, { bytes: number, modifiedMs: number }>> {
  const found = new Map<string, { bytes: number, modifiedMs: number }>()
  for await (const { location, bytes, modifiedMs } of storage.list(prefix)) found.set(location, { bytes, modifiedMs })
  return found
}

export async function withDuckDB(work: (run: (sql: string) => Promise<unknown[][]>) => Promise<void>): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  try {
    await work(async sql => (await connection.runAndReadAll(sql)).getRows())
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A path as DuckDB reads it: what is special in a pattern stands for itself. */
export function pattern(path: string): string {
  return quote(path.replaceAll(/[*?[]/g, char => `[${char}]`))
}

/** Writes where DuckDB would, for what is no Parquet. */
export function writeWhereEngineWould(storage: Storage, location: string, bytes: Buffer): void {
  mkdirSync(dirname(storage.toEnginePath(location)), { recursive: true })
  writeFileSync(storage.toEnginePath(location), bytes)
}
