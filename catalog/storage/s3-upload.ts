/**
 * Brings local files into S3: small ones in one request, large ones in parts that are read from disk one after the other, so that memory
 * holds `uploadBytesMax` at most however large the files are. Creates only. An upload that fails is aborted, or its parts would be paid for
 * for ever; what a killed process leaves behind is for the bucket's own rule for incomplete uploads.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { ByteBudget } from './byte-budget.ts'
import { inParallel } from './in-parallel.ts'
import { normaliseS3, parseS3 } from './s3-location.ts'
import type { S3Objects } from './s3-objects.ts'

export const partBytesDefault = 8 * 1024 ** 2
/** S3's own limits: smaller parts are refused but for the last, and there are at most so many. */
const partBytesMin = 5 * 1024 ** 2
const partsMax = 10_000
const uploadBytesMax = 4 * partBytesDefault
const partsAtOnce = 4

export class S3Upload {
  readonly #objects: S3Objects
  readonly #partBytes: number
  readonly #budget: ByteBudget

  constructor(objects: S3Objects, partBytes: number = partBytesDefault) {
    this.#objects = objects
    this.#partBytes = Math.max(partBytes, partBytesMin)
    this.#budget = new ByteBudget(Math.max(uploadBytesMax, this.#partBytes))
  }

  /** The file must not change meanwhile. Errors of the local disk are thrown as they are. */
  async upload(path: string, location: string): Promise<void> {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      if (size <= this.#partBytes) await this.#budget.spend(size, async () => { await this.#objects.create(location, await readPart(file, 0, size)) })
      else await this.#inParts(file, size, location)
    } finally {
      await file.close()
    }
  }

  async #inParts(file: FileHandle, size: number, location: string): Promise<void> {
    const { bucket: Bucket, key: Key } = parseS3(location)
    const { connection } = this.#objects
    const normal = normaliseS3(location)
    const mark = crypto.randomUUID()
    const UploadId = await connection.send(normal, 'write', async (client, sdk) =>
      (await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'CRC32', Metadata: { 'firn-writer': mark } }))).UploadId)
    const partBytes = Math.max(this.#partBytes, Math.ceil(size / partsMax))
    const numbers = Array.from({ length: Math.ceil(size / partBytes) }, (_, index) => index + 1)
    const parts: { PartNumber: number, ETag: string | undefined, ChecksumCRC32?: string }[] = []
    try {
      await inParallel(numbers, partsAtOnce, async PartNumber => {
        const start = (PartNumber - 1) * partBytes
        const length = Math.min(partBytes, size - start)
        await this.#budget.spend(length, async () => {
          const Body = await readPart(file, start, length)
          const { ETag, ChecksumCRC32 } = await connection.send(normal, 'write', async (client, sdk) => await client.send(new sdk.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ContentLength: length, ChecksumAlgorithm: 'CRC32' })))
          parts[PartNumber - 1] = { PartNumber, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) }
        })
      })
      await this.#objects.createOnce(location, () => connection.send(normal, 'write', async (client, sdk) => {
        await client.send(new sdk.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, IfNoneMatch: '*', MultipartUpload: { Parts: parts } }))
      }), mark, size, () => Promise.resolve(true))
    } catch (error) {
      await connection.send(normal, 'write', async (client, sdk) => { await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId })) }).catch(() => undefined)
      throw error
    }
  }
}

async function readPart(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(bytes, at, length - at, start + at)
    if (bytesRead === 0) throw new Error(`the file ended after ${start + at} bytes`)
    at += bytesRead
  }
  return bytes
}
