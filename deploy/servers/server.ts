// What every server's file describes: how it is prepared, and the command, settings and ready check of one start.

import type { Launch } from './running.ts'

export type ServerName = 'kafka' | 's3' | 'iceberg-rest' | 'nessie' | 'glue' | 'trino' | 'toxiproxy'

/** What servers need to know of each other, and what a test may want otherwise. All optional. */
export interface ServerSettings {
  readonly s3Url?: string
  readonly s3Key?: string
  readonly s3Secret?: string
  readonly bucket?: string
  /** Where the catalog's tables go. */
  readonly warehouse?: string
  readonly restUrl?: string
  readonly glueUrl?: string
  /** iceberg-rest: `id:secret` makes it demand OAuth2 client credentials. */
  readonly oauthCredential?: string
  readonly oauthTokenSeconds?: number
  /** iceberg-rest: true hands out the S3 keys with each table. */
  readonly vendCredentials?: boolean
  /** glue: the only access key id that it lets in. */
  readonly glueKey?: string
  /** kafka: the port that it sends its clients to, when a proxy stands in front of its own. */
  readonly advertisedPort?: number
  /** Java's heap. */
  readonly heapMiB?: number
}

export interface StartOptions {
  readonly dir: string
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
  readonly settings?: ServerSettings
  /** True: the server outlives this process and is stopped by `stopServer`. */
  readonly keep?: boolean
}

export interface Start {
  readonly dir: string
  readonly port: number
  readonly settings: ServerSettings
}

export type Begun = Pick<Launch, 'url' | 'command' | 'args' | 'env' | 'testEnv' | 'ready'> & { readonly readyMsMax?: number, readonly afterStart?: () => Promise<void> }

export interface Server {
  /** How many ports in a row it takes. */
  readonly ports: number
  prepare (): Promise<void>
  describe (start: Start): Promise<Begun>
}

export const s3Defaults = { url: 'http://127.0.0.1:7070', key: 'lakekey', secret: 'lakesecret12', bucket: 'lake', region: 'us-east-1' } as const

/** Answers 2xx, or whatever `accept` takes for an answer. */
export async function answers (url: string, init: RequestInit = {}, accept: (answer: Response) => boolean | Promise<boolean> = answer => answer.ok): Promise<boolean> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(2000) })
  const good = await accept(answer)
  await answer.body?.cancel().catch(() => {})
  if (!good) throw new Error(`${url} answered ${answer.status}`)
  return true
}
