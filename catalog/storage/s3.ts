/**
 * Durable storage on S3 and what speaks like it (`s3://bucket/key`; `s3a` and `s3n` are the same).
 *
 * A file is created by a conditional request, so that of many creators one wins; S3 has made it durable when it answers. What DuckDB writes
 * or reads lies in a folder of copies on the local disk: `makeDurable` uploads and frees them, `bringNear` fetches.
 */
import { stat, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CatalogError, isCatalogError, reasonOf } from '../errors.ts'
import { CopyFolder } from './copy-folder.ts'
import { inParallel } from './in-parallel.ts'
import { NearFiles } from './near-files.ts'
import { S3Connection } from './s3-connection.ts'
import { normaliseS3, parseS3, rootOf } from './s3-location.ts'
import { S3Objects } from './s3-objects.ts'
import { S3Upload } from './s3-upload.ts'
import type { S3Options, Storage, StoredFile } from './storage.ts'

const cacheBytesMaxDefault = 4 * 1024 ** 3
/** A limit of S3. */
const deletesPerRequest = 1_000
const deletesAtOnce = 4
const uploadsAtOnce = 16
const reasonsMax = 1

export function openS3Storage(options: S3Options = {}): Storage {
  const connection = new S3Connection(options)
  const objects = new S3Objects(connection)
  const upload = new S3Upload(objects, options.partBytes)
  const folder = new CopyFolder(options.cacheDir ?? join(tmpdir(), `firn-s3-${process.getuid?.() ?? ''}`))
  const near = new NearFiles(folder, objects, options.cacheBytesMax ?? cacheBytesMaxDefault)
  return {
    writeDurably: (location, bytes) => objects.create(location, bytes),
    async makeDurable(locations) {
      try {
        await inParallel(locations, uploadsAtOnce, location => makeOneDurable(objects, upload, near.pathOf(location), location))
      } finally {
        // Nothing is kept for a second try: whoever tries again writes new files under new names.
        await Promise.all(locations.map(location => unlink(near.pathOf(location)).catch(() => undefined)))
      }
    },
    read: async location => (await objects.get(location)).bytes,
    async readRange(location, start, length) {
      if (length === 0) return Buffer.alloc(0)
      return (await objects.get(location, { start, length })).bytes
    },
    size: location => objects.size(location),
    async delete(locations) {
      for (const location of locations) near.forget(location)
      await deleteObjects(connection, locations)
    },
    list: prefix => listObjects(connection, prefix),
    toEnginePath: location => near.pathOf(location),
    bringNear: (locations, columns) => near.bring(locations, columns)
  }
}

async function makeOneDurable(objects: S3Objects, upload: S3Upload, path: string, location: string): Promise<void> {
  if (await stat(path).catch(() => null) === null) {
    // No copy: durable already, or never written.
    await objects.size(location).catch((error: unknown) => {
      throw isCatalogError(error, 'STORAGE_NOT_FOUND') ? new CatalogError('STORAGE_UNWRITABLE', { location, reason: `nothing was written to ${path}` }) : error
    })
    return
  }
  try {
    await upload.upload(path, location)
  } catch (error) {
    throw error instanceof CatalogError ? error : new CatalogError('STORAGE_UNWRITABLE', { location, reason: reasonOf(error) }, error)
  }
}

async function deleteObjects(connection: S3Connection, locations: readonly string[]): Promise<void> {
  const batches: string[][] = []
  const open = new Map<string, string[]>()
  for (const location of locations) {
    // Different prefixes can have different credentials, so only neighbours share a request.
    const place = connection.isVending ? folderOf(normaliseS3(location)) : parseS3(location).bucket
    const batch = open.get(place)
    if (batch !== undefined && batch.length < deletesPerRequest) { batch.push(location); continue }
    const fresh = [location]
    open.set(place, fresh)
    batches.push(fresh)
  }
  await inParallel(batches, deletesAtOnce, batch => deleteBatch(connection, batch))
}

async function deleteBatch(connection: S3Connection, batch: readonly string[]): Promise<void> {
  const first = batch[0] as string
  const { bucket: Bucket } = parseS3(first)
  const errors = await connection.send(normaliseS3(first), 'delete', async (client, sdk) => {
    const Objects = batch.map(location => ({ Key: parseS3(location).key }))
    return (await client.send(new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }))).Errors ?? []
  })
  const failed = errors.filter(error => error.Code !== 'NoSuchKey' && error.Code !== 'NotFound')
  if (failed.length === 0) return
  const reason = failed.slice(0, reasonsMax).map(error => [error.Code, error.Message].filter(Boolean).join(': ')).join('; ')
  const location = `s3://${Bucket}/${failed[0]?.Key ?? ''}`
  if (failed.every(error => error.Code === 'AccessDenied')) throw new CatalogError('STORAGE_DENIED', { action: 'delete', location, reason })
  throw new CatalogError('STORAGE_UNDELETED', { count: failed.length, total: batch.length, location, reason })
}

async function * listObjects(connection: S3Connection, prefix: string): AsyncIterable<StoredFile> {
  const { bucket: Bucket, key } = parseS3(prefix)
  const folder = key === '' || key.endsWith('/') ? key : `${key}/`
  let ContinuationToken: string | undefined
  do {
    const page = await connection.send(normaliseS3(prefix), 'list', async (client, sdk) =>
      await client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: folder, ...(ContinuationToken === undefined ? {} : { ContinuationToken }) })))
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      // A key with a slash at its end stands for an empty folder in some tools.
      if (Key !== undefined && !Key.endsWith('/')) yield { location: rootOf(prefix) + Key, bytes: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 }
    }
    ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (ContinuationToken !== undefined)
}

function folderOf(location: string): string {
  return location.slice(0, location.lastIndexOf('/'))
}
