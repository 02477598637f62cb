// What every attack needs: the line, a way to send anything to it, and the eyes on what must not happen. A client's input is
// never answered with 5xx, but where the line says that it is busy (503 with Retry-After); nothing outside the data folder
// changes; the line goes on answering.

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { NpmLine } from '../npm-line.ts'
import type { Tally } from '../tally.ts'

const answerMsMax = 30_000

export interface Answer {
  /** 0 when the connection was cut. */
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface Sending {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | object
  /** The `Host` that is sent; the address itself when left out. */
  readonly host?: string
}

export interface Ground {
  readonly line: NpmLine
  readonly tally: Tally
  /** A folder that belongs to somebody else. */
  readonly victimDir: string
  send(url: string, path: string, sending?: Sending): Promise<Answer>
  /** Raw bytes on a connection of its own, which is closed at the end of the run. */
  dial(url: string, text: string | Buffer): { socket: Socket, text: () => string, isClosed: () => boolean }
  /** Answers of 5xx so far that are no honest 503, as `method path status`. */
  readonly faults: readonly string[]
  /** What can be looked at only at the end. */
  readonly later: (() => Promise<void>)[]
  close(): void
}

export function createGround (line: NpmLine, tally: Tally, victimDir: string): Ground {
  const faults: string[] = []
  const sockets = new Set<Socket>()
  const send = async (url: string, path: string, sending: Sending = {}): Promise<Answer> => {
    const answer = await ask(url, path, sending)
    const isBusy = answer.status === 503 && answer.headers['retry-after'] !== undefined
    if (answer.status >= 500 && !isBusy) faults.push(`${sending.method ?? 'GET'} ${path.slice(0, 100)} ${answer.status} ${answer.text.slice(0, 200)}`)
    return answer
  }
  const dial: Ground['dial'] = (url, text) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    let [answered, closed] = ['', false]
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => { closed = true }).on('end', () => { closed = true }).on('data', chunk => { answered = (answered + String(chunk)).slice(-100_000) })
    socket.write(text)
    return { socket, text: () => answered, isClosed: () => closed }
  }
  return { line, tally, victimDir, send, dial, faults, later: [], close: () => { for (const socket of sockets) socket.destroy() } }
}

/** Makes the folder of somebody else: a secret to read, something precious to delete. */
export function makeVictim (dir: string): string {
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'secret.txt'), 'AWS_SECRET=abcdefg123456')
  writeFileSync(join(dir, 'precious.txt'), 'precious')
  return dir
}

/** Names, contents and times of everything in a folder. */
export function pictureOf (dir: string): string {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).map(entry => {
    const file = join(entry.parentPath, entry.name)
    return entry.isFile() ? `${file} ${statSync(file).mtimeMs} ${readFileSync(file, 'utf8').slice(0, 1000)}` : file
  }).sort().join('\n')
}

export function someEvent (id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { event_id: id, event_type: 'page_view', timestamp: new Date().toISOString(), session_id: `s-${id}`, ...more }
}

async function ask (url: string, path: string, { method = 'GET', headers = {}, body, host }: Sending): Promise<Answer> {
  const { hostname, port, host: own } = new URL(url)
  const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const type = bytes === undefined ? {} : { 'content-type': 'application/json' }
  return await new Promise(resolve => {
    const sent = httpRequest({ host: hostname, port, method, path, headers: { host: host ?? own, ...type, ...headers }, setHost: false, agent: false, timeout: answerMsMax }, answer => {
      const chunks: Buffer[] = []
      const end = (): void => { resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8'), headers: answer.headers }) }
      answer.on('data', (chunk: Buffer) => { chunks.push(chunk) }).on('end', end).on('error', end)
    })
    sent.on('timeout', () => { sent.destroy(new Error('no answer in time')) })
    sent.on('error', error => { resolve({ status: 0, text: error.message, headers: {} }) })
    sent.end(bytes)
  })
}
