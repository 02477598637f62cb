/** For tests: a catalog server in this process or in a child, in a folder of its own, and a small client. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { parseJson, printJson } from '../spec/json.ts'
import type { CreateTable } from './requests.ts'
import { startCatalogServer, type CatalogServerOptions } from './server.ts'

export interface Answer { readonly status: number, readonly headers: Headers, readonly body: any }

export type Client = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

export const silentLogger = { info() {}, warn() {}, error() {} }

export async function startCatalog(dataDir: string, options: Partial<CatalogServerOptions> = {}) {
  const server = await startCatalogServer({ dataDir, warehouse: `file://${dataDir}/warehouse`, host: '127.0.0.1', port: 0, logger: silentLogger, ...options })
  return { ...server, call: clientOf(server.url) }
}

/** The real process; `limits` are words that go before it, such as `prlimit --fsize=…`. */
export async function spawnCatalog(dataDir: string, limits: string[] = []): Promise<{ child: ChildProcess, call: Client, exited: Promise<number | string | null>, errors: () => string }> {
  // tap puts itself into the children of a test, signal handlers included; this one shall be as it is in production.
  const words = ['-u', 'NODE_OPTIONS', ...limits, process.execPath, join(import.meta.dirname, 'main.ts')]
  const env = { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FIRN_|_?TAP)/.test(name))), FIRN_DATA_DIR: dataDir, FIRN_CATALOG_PORT: '0' }
  const child = spawn('env', words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { errors += chunk })
  const exited = new Promise<number | string | null>(resolve => { child.once('close', (code, signal) => { resolve(code ?? signal) }) })
  const url = await new Promise<string | null>(resolve => {
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said = (said + chunk).slice(-100_000)
      const found = /"address":"([^"]+)"/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    void exited.then(() => { resolve(null) })
  })
  return { child, call: clientOf(url ?? 'http://127.0.0.1:9'), exited, errors: () => errors }
}

export function clientOf(url: string): Client {
  return async (method, path, body, headers = {}) => {
    const answer = await fetch(`${url}${path}`, { method, headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : printJson(body) }) })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: text === '' ? null : /^[[{]/.test(text) ? parseJson(text) : text }
  }
}

/** A create request for a table of two columns, partitioned by the second. */
export function tableRequest(name: string, properties: Record<string, string> = {}): CreateTable {
  return {
    name,
    properties,
    'schema': { 'type': 'struct', 'fields': [{ 'id': 7, 'name': 'id', 'required': true, 'type': 'long' }, { 'id': 9, 'name': 'at', 'required': false, 'type': 'timestamptz' }] },
    'partition-spec': { 'spec-id': 0, 'fields': [{ 'source-id': 9, 'field-id': 1000, 'name': 'day', 'transform': 'day' }] }
  }
}

/** The body of an append of one snapshot on top of what `metadata` says. */
export function appendRequest(metadata: Answer['body'], id: bigint, extra: readonly object[] = []) {
  const current = metadata['current-snapshot-id'] as bigint
  return {
    requirements: [{ 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] }, { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': current === -1n ? null : current }],
    updates: [
      { 'action': 'add-snapshot', 'snapshot': { 'snapshot-id': id, ...(current === -1n ? {} : { 'parent-snapshot-id': current }), 'sequence-number': metadata['last-sequence-number'] + 1n,
        'timestamp-ms': metadata['last-updated-ms'], 'manifest-list': `${metadata.location}/metadata/snap-${id}.avro`, 'summary': { 'operation': 'append' }, 'schema-id': 0 } },
      { 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': id },
      ...extra
    ]
  }
}
