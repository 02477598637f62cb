// For tests
// A server on 127.0.0.1 that keeps what it was asked and answers as the test says; what a REST catalog and its token endpoint look like from outside.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Seen { readonly method: string, readonly url: string, readonly body: string, readonly headers: IncomingHttpHeaders }
export type Answer = (seen: Seen, reply: ServerResponse) => void

/** Closed with the test. */
export async function startTinyServer(t: { teardown(fn: () => void): void }, answer: Answer): Promise<{ url: string, seen: Seen[], close(): void }> {
  const seen: Seen[] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk }).on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', body, headers: request.headers }
      seen.push(one)
      answer(one, reply)
    })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const close = () => { server.closeAllConnections(); server.close() }
  t.teardown(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, close }
}

export function answerJson(reply: ServerResponse, status: number, value: unknown): void {
  reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

/** The reply to the load of a table at this location. */
export function tableReply(location: string, more: object = {}): object {
  const metadata = { 'format-version': 2, 'table-uuid': 'u', location, 'last-column-id': 1, 'schemas': [], 'current-schema-id': 0, 'partition-specs': [], 'snapshots': [] }
  return { 'metadata-location': `${location}/metadata/0.json`, metadata, ...more }
}
