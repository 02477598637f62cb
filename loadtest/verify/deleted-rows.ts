// Rows that delete files hide, read by the verifier itself from the specification: deletes by position (Parquet), deletion
// vectors (Puffin blobs) and equality deletes. Such a row landed and was deleted since: it stands for its offset and counts
// as no row. Refuses by name what it cannot apply, rather than judging rows that other readers do not see.

import { crc32 } from 'node:zlib'
import type { DuckDBConnection } from '@duckdb/node-api'
import { fieldById, partitionKey, quoteIdentifier, quoteText, type DeleteFile, type LiveFile, type LoadedTable, type Storage } from '../../catalog/index.ts'
import { readParquet, type DeletedRows } from './table-files.ts'

const vectorMagic = 0x6439d3d1
const factsAtOnce = 1000

/** Null where nothing is deleted. `prefix` names its tables. */
export async function openDeletedRows (connection: DuckDBConnection, storage: Storage, table: LoadedTable, files: readonly LiveFile[], deleteFiles: readonly DeleteFile[], prefix: string): Promise<DeletedRows | null> {
  if (deleteFiles.length === 0) return null
  const reach = { connection, storage, table, prefix }
  await writeFacts(reach, files)
  await connection.run(`create or replace table ${prefix}_gone (path varchar, pos bigint)`)
  const conditions = [`(f.filename, f.file_row_number) in (select path, pos from ${prefix}_gone)`]
  for (const [i, file] of deleteFiles.entries()) {
    if (file.content === 'equality-deletes') conditions.push(await equalityCondition(reach, file, i))
    else if (file.format === 'PUFFIN') await addVector(reach, file)
    else if (file.format === 'PARQUET') await addPositions(reach, file)
    else throw new Error(`${table.id.name} has delete files of format ${file.format} (${file.location}): this verifier does not read them`)
  }
  return { goneSql: () => conditions.map(condition => `coalesce(${condition}, false)`).join(' or ') }
}

interface Reach { readonly connection: DuckDBConnection, readonly storage: Storage, readonly table: LoadedTable, readonly prefix: string }

/** What decides whether a delete reaches a data file. */
async function writeFacts ({ connection, storage, table, prefix }: Reach, files: readonly LiveFile[]): Promise<void> {
  await connection.run(`create or replace table ${prefix}_facts (location varchar, path varchar, seq bigint, part varchar)`)
  for (let at = 0; at < files.length; at += factsAtOnce) {
    const values = files.slice(at, at + factsAtOnce).map(file =>
      `(${quoteText(plainLocation(file.location))}, ${quoteText(storage.toEnginePath(file.location))}, ${file.dataSequenceNumber}, ${quoteText(partOf(table, file))})`)
    await connection.run(`insert into ${prefix}_facts values ${values.join(', ')}`)
  }
}

/** Deletes by position reach rows of their own snapshot too. */
async function addPositions ({ connection, storage, prefix }: Reach, { location, dataSequenceNumber }: DeleteFile): Promise<void> {
  const release = await storage.bringNear([location])
  const plain = "regexp_replace(regexp_replace(d.file_path, '^file:/+', '/'), '^s3[an]:', 's3:')"
  await connection.run(`insert into ${prefix}_gone select a.path, d.pos from ${readParquet([{ path: storage.toEnginePath(location) }])} d
    join ${prefix}_facts a on a.location = ${plain} where a.seq <= ${dataSequenceNumber}`).finally(release)
}

async function addVector ({ connection, storage, prefix }: Reach, { location, referencedDataFile, contentOffset, contentSizeBytes, recordCount, dataSequenceNumber }: DeleteFile): Promise<void> {
  if (referencedDataFile === null || contentOffset === null || contentSizeBytes === null) throw new Error(`the deletion vector in ${location} has no place or names no data file`)
  const positions = readVector(await storage.readRange(location, Number(contentOffset), Number(contentSizeBytes)), location)
  await connection.run('create or replace temp table vector (pos bigint)')
  const appender = await connection.createAppender('vector')
  let count = 0n
  for (const position of positions) {
    appender.appendBigInt(position)
    appender.endRow()
    count++
  }
  appender.closeSync()
  if (count !== recordCount) throw new Error(`the deletion vector in ${location} has ${count} positions, its manifest says ${recordCount}`)
  await connection.run(`insert into ${prefix}_gone select a.path, v.pos from vector v, ${prefix}_facts a
    where a.location = ${quoteText(plainLocation(referencedDataFile))} and a.seq <= ${dataSequenceNumber}`)
}

/** Equality deletes reach only rows that are strictly older; those of an unpartitioned spec reach every partition. */
async function equalityCondition ({ connection, storage, table, prefix }: Reach, file: DeleteFile, i: number): Promise<string> {
  const { schemas } = table.metadata
  const names = (file.equalityIds ?? []).map(id => {
    const field = schemas.toReversed().map(schema => schema.fields.find(one => one.id === id)).find(one => one !== undefined)
    if (field === undefined) throw new Error(`${table.id.name} has equality deletes on a nested field (id ${id}, ${file.location}): this verifier does not apply them`)
    return fieldById(schemas.find(schema => schema['schema-id'] === table.metadata['current-schema-id'])!, id)?.name ?? field.name
  })
  const name = `${prefix}_equal_${i}`
  const release = await storage.bringNear([file.location])
  await connection.run(`create or replace table ${name} as select distinct ${names.map(quoteIdentifier).join(', ')} from ${readParquet([{ path: storage.toEnginePath(file.location) }])}`).finally(release)
  const spec = table.metadata['partition-specs'].find(({ 'spec-id': id }) => id === file.specId)
  const isGlobal = (spec?.fields ?? []).every(({ transform }) => transform === 'void')
  const reached = `f.filename in (select path from ${prefix}_facts where seq < ${file.dataSequenceNumber}${isGlobal ? '' : ` and part = ${quoteText(partOf(table, file))}`})`
  const equal = names.map(column => `e.${quoteIdentifier(column)} is not distinct from f.${quoteIdentifier(column)}`).join(' and ')
  return `(${reached} and exists (select 1 from ${name} e where ${equal}))`
}

function partOf (table: LoadedTable, { specId, partition }: Pick<LiveFile, 'specId' | 'partition'>): string {
  const spec = table.metadata['partition-specs'].find(({ 'spec-id': id }) => id === specId)
  return `${specId} ${partitionKey(spec?.fields ?? [], partition)}`
}

/** Engines write one place in several ways. */
function plainLocation (location: string): string {
  return location.replace(/^file:\/+/, '/').replace(/^s3[an]:/, 's3:')
}

/** Puffin's `deletion-vector-v1`: length, magic, Roaring's 64-bit bitmaps, checksum; all little-endian but length and checksum. */
function * readVector (blob: Buffer, location: string): Generator<bigint> {
  const length = blob.readUInt32BE(0)
  const content = blob.subarray(4, 4 + length)
  if (length + 8 !== blob.length || content.readUInt32LE(0) !== vectorMagic || crc32(content) !== blob.readUInt32BE(4 + length)) {
    throw new Error(`the deletion vector in ${location} is damaged`)
  }
  let at = 12
  for (let maps = content.readBigUInt64LE(4); maps > 0n; maps--) {
    const high = BigInt(content.readUInt32LE(at)) << 32n
    at += 4
    const cookie = content.readUInt32LE(at)
    const hasRuns = (cookie & 0xffff) === 12_347
    const containers = hasRuns ? (cookie >>> 16) + 1 : content.readUInt32LE(at + 4)
    at += hasRuns ? 4 : 8
    const runs = hasRuns ? content.subarray(at, at + Math.ceil(containers / 8)) : null
    at += runs?.length ?? 0
    const heads = Array.from({ length: containers }, (_, i) => ({ key: content.readUInt16LE(at + i * 4), count: content.readUInt16LE(at + i * 4 + 2) + 1 }))
    at += containers * 4 + (!hasRuns || containers >= 4 ? containers * 4 : 0)
    for (const [i, { key, count }] of heads.entries()) {
      const base = high | BigInt(key * 65_536)
      if (runs !== null && (runs[i >> 3]! >> (i & 7) & 1) === 1) {
        const pairs = content.readUInt16LE(at)
        at += 2
        for (let pair = 0; pair < pairs; pair++, at += 4) {
          for (let low = content.readUInt16LE(at), more = content.readUInt16LE(at + 2); more >= 0; low++, more--) yield base | BigInt(low)
        }
      } else if (count <= 4096) {
        for (let n = 0; n < count; n++, at += 2) yield base | BigInt(content.readUInt16LE(at))
      } else {
        for (let low = 0; low < 65_536; low++) if ((content[at + (low >> 3)]! >> (low & 7) & 1) === 1) yield base | BigInt(low)
        at += 8192
      }
    }
  }
}
