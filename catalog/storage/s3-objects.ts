/**
 * Single objects of S3: get a range, create, head. Above the client and its retries stands only what those cannot know: a body that breaks
 * off is asked for again, and a create whose reply was lost is recognised as ours by a mark in the object's metadata and its bytes.
 */
import type { Readable } from 'node:stream'
import { CatalogError, isCatalogError } from '../errors.ts'
import type { S3Connection } from './s3-connection.ts'
import type { S3Failure } from './s3-errors.ts'
import { normaliseS3, parseS3 } from './s3-location.ts'

/** Answers that broke off in the middle are asked for again. */
const bodyAttemptsMax = 3
/** Two creates at once: S3 may tell both to come again. */
const createAttemptsMax = 5
const createPauseMs = 50

export type ByteRange = { readonly start: number, readonly length: number } | { readonly last: number }
export interface FoundBytes { readonly bytes: Buffer, /** Of the whole object. */ readonly total: number }

export class S3Objects {
  readonly connection: S3Connection
  /** Says which objects this process created. */
  readonly mark: string = crypto.randomUUID()

  constructor(connection: S3Connection) {
    this.connection = connection
  }

  /** The bytes of a range that exist, or of the whole object. STORAGE_NOT_FOUND. */
  async get(location: string, range?: ByteRange): Promise<FoundBytes> {
    const { bucket: Bucket, key: Key } = parseS3(location)
    for (let attempt = 1; ; attempt++) {
      let isBroken = false
      try {
        return await this.connection.send(normaliseS3(location), 'read', async (client, sdk) => {
          const reply = await client.send(new sdk.GetObjectCommand({ Bucket, Key, ...(range === undefined ? {} : { Range: printRange(range) }) }))
          isBroken = true
          const bytes = await collect(reply.Body as Readable, reply.ContentLength)
          return { bytes, total: totalOf(reply.ContentRange) ?? bytes.length }
        })
      } catch (error) {
        if (isEmptyRange(error)) return { bytes: Buffer.alloc(0), total: 0 }
        if (!isBroken || attempt >= bodyAttemptsMax) throw error
      }
    }
  }

  async size(location: string): Promise<number> {
    return (await this.#head(location)).bytes
  }

  /** Creates an object that must not exist. STORAGE_EXISTS, unless what is there is what this process wrote. */
  async create(location: string, bytes: Uint8Array): Promise<void> {
    const { bucket: Bucket, key: Key } = parseS3(location)
    await this.createOnce(location, () => this.connection.send(normaliseS3(location), 'write', async (client, sdk) => {
      await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body: bytes, ContentLength: bytes.length, IfNoneMatch: '*', Metadata: { 'firn-writer': this.mark } }))
    }), this.mark, bytes.length, async () => (await this.get(location)).bytes.equals(bytes))
  }

  /** Runs a conditional create and settles what its refusal means: somebody else's object, or our own of which we never heard. */
  async createOnce(location: string, attemptIt: () => Promise<void>, mark: string, size: number, isSame: () => Promise<boolean>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await attemptIt()
        return
      } catch (error) {
        const name = ((error as Error).cause as S3Failure | undefined)?.name
        if (name === 'ConditionalRequestConflict' && attempt < createAttemptsMax) {
          await new Promise(resolve => setTimeout(resolve, createPauseMs * 2 ** attempt * Math.random()))
          continue
        }
        if (!isCatalogError(error, 'STORAGE_EXISTS') && name !== 'NoSuchUpload') throw error
        const found = await this.#head(location).catch(() => null)
        if (found === null) throw error
        if (found.mark === mark && found.bytes === size && await isSame()) return
        throw new CatalogError('STORAGE_EXISTS', { location }, error)
      }
    }
  }

  async #head(location: string): Promise<{ bytes: number, mark: string | undefined }> {
    const { bucket: Bucket, key: Key } = parseS3(location)
    return await this.connection.send(normaliseS3(location), 'read', async (client, sdk) => {
      try {
        const reply = await client.send(new sdk.HeadObjectCommand({ Bucket, Key }))
        return { bytes: reply.ContentLength ?? 0, mark: reply.Metadata?.['firn-writer'] }
      } catch (error) {
        const status = (error as S3Failure).$metadata?.httpStatusCode
        if (status === undefined || status < 400 || status >= 500) throw error
        // An answer to HEAD has no body, so it cannot say which of several reasons it was: the same question as GET can.
        await client.send(new sdk.GetObjectCommand({ Bucket, Key, Range: 'bytes=0-0' })).then(reply => { (reply.Body as Readable).destroy() })
        throw error
      }
    })
  }
}

// Silence is ended by the client's socketTimeout, as before the answer.
async function collect(body: Readable, expected: number | undefined): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  const bytes = chunks.length === 1 ? chunks[0] as Buffer : Buffer.concat(chunks)
  if (expected !== undefined && bytes.length !== expected) throw Object.assign(new Error(`${bytes.length} of ${expected} bytes came`), { code: 'ECONNRESET' })
  return bytes
}

function printRange(range: ByteRange): string {
  return 'last' in range ? `bytes=-${range.last}` : `bytes=${range.start}-${range.start + range.length - 1}`
}

function totalOf(contentRange: string | undefined): number | undefined {
  const match = /\/(\d+)$/.exec(contentRange ?? '')
  return match === null ? undefined : Number(match[1])
}

/** A range that begins behind the end. */
function isEmptyRange(error: unknown): boolean {
  return error instanceof CatalogError && (error.cause as S3Failure | undefined)?.$metadata?.httpStatusCode === 416
}
