// For tests
// A proxy in front of a catalog that loses a commit on the way, or its reply, or delivers it late: what a network does to
// the one request that must not be done twice.

import { createServer, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LossyProxy {
  /** Like the address behind it, path included. */
  readonly url: string
  /** The commits that came by, in order. */
  readonly commits: readonly PassedRequest[]
  /** The next commit is done behind the proxy, but its sender hears nothing. */
  loseReplyOnce(): void
  /** The next commit never arrives. */
  loseRequestOnce(): void
  /** The next commit arrives only when `deliverLate` is called; resolves with its status. */
  delayRequestOnce(): void
  deliverLate(): Promise<number>
  stop(): void
}

export interface PassedRequest { readonly method: string, readonly path: string, readonly headers: IncomingHttpHeaders, readonly body: Buffer }

interface Answer { readonly status: number, readonly headers: IncomingHttpHeaders, readonly body: Buffer }

export async function startLossyProxy(behind: string, isCommit: (passed: PassedRequest) => boolean): Promise<LossyProxy> {
  const upstream = new URL(behind)
  const commits: PassedRequest[] = []
  let fault: 'none' | 'reply' | 'request' | 'late' = 'none'
  let late: PassedRequest | undefined
  let own = ''

  const forward = async ({ method, path, headers, body }: PassedRequest): Promise<Answer> => await new Promise((resolve, reject) => {
    const sent = request({ host: upstream.hostname, port: upstream.port, method, path, headers: { ...headers, 'host': upstream.host, 'accept-encoding': 'identity', 'content-length': String(body.length) } }, answer => {
      readAll(answer).then(body => { resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }) }, reject)
    })
    sent.on('error', reject).end(body)
  })

  const server = createServer((incoming, reply) => {
    void (async () => {
      const passed = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body: await readAll(incoming) }
      const now = isCommit(passed) ? fault : 'none'
      if (isCommit(passed)) { commits.push(passed); fault = 'none' }
      if (now === 'late') late = passed
      if (now === 'late' || now === 'request') return reply.socket?.destroy()
      const { status, headers, body } = await forward(passed)
      if (now === 'reply') return reply.socket?.destroy()
      // A catalog that names its own address would lead past the proxy.
      const shown = passed.path.includes('/v1/config') ? Buffer.from(body.toString().replaceAll(upstream.origin, own)) : body
      const { 'transfer-encoding': _, connection: __, ...kept } = headers
      reply.writeHead(status, { ...kept, 'content-length': String(shown.length) }).end(shown)
    })().catch(() => { reply.socket?.destroy() })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: own + upstream.pathname.replace(/\/$/, ''),
    commits,
    loseReplyOnce() { fault = 'reply' },
    loseRequestOnce() { fault = 'request' },
    delayRequestOnce() { fault = 'late' },
    async deliverLate() {
      if (late === undefined) throw new Error('no request is late')
      const { status } = await forward(late)
      late = undefined
      return status
    },
    stop() { server.closeAllConnections(); server.close() }
  }
}

/** A commit to a table of a REST catalog, or an update of a table in Glue. */
export function isTableCommit({ method, path, headers }: PassedRequest): boolean {
  return headers['x-amz-target'] === 'AWSGlue.UpdateTable' || (method === 'POST' && /\/tables\/[^/?]+$/.test(path))
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
