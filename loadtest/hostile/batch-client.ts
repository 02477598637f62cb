// The overload's other side, as a process of its own: so many connections, each sending the next batch as soon as the last one
// is answered, whatever the answer. Cheap, so that it does not measure itself: bodies are templates with the ids put in.
// Tells its parent what each request became: its number, its events, the status (0: no answer) and the milliseconds.

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ClientTask {
  readonly url: string
  readonly connections: number
  readonly seconds: number
}

export interface BatchAnswer {
  readonly request: number
  readonly events: number
  readonly status: number
  readonly ms: number
}

const sizes = [400, 800, 1200, 1600, 2000]
const pauseMsMax = 500
const answerMsMax = 60_000
const digits = 8

interface Template {
  readonly events: number
  readonly bytes: Buffer
  readonly places: readonly number[]
}

/** The id of an event, of a fixed length. */
export function idOf (request: number, event: number): string {
  return `o-${String(request).padStart(digits, '0')}-${event}`
}

if (process.send !== undefined) {
  process.once('message', (task: ClientTask) => {
    run(task).then(answers => process.send!(answers, undefined, undefined, () => { process.exit(0) }), (error: unknown) => { throw error })
  })
}

async function run ({ url, connections, seconds }: ClientTask): Promise<BatchAnswer[]> {
  const { hostname, port } = new URL(url)
  const templates = sizes.map(templateOf)
  const answers: BatchAnswer[] = []
  const endMs = performance.now() + seconds * 1000
  let requests = 0
  await Promise.all(Array.from({ length: connections }, async (_, at) => {
    let socket: Socket | null = null
    while (performance.now() < endMs) {
      const request = requests++
      const template = templates[(request + at) % templates.length]!
      if (socket === null || socket.destroyed) socket = connect({ host: hostname, port: Number(port) }).on('error', () => {})
      const startedAt = performance.now()
      const status = await exchange(socket, fill(template, request))
      answers.push({ request, events: template.events, status, ms: performance.now() - startedAt })
      if (status !== 202) await sleep(Math.random() * pauseMsMax)
    }
    socket?.destroy()
  }))
  return answers
}

/** Sends a request and reads its answer; 0 when none comes. A connection that is not to be used again is destroyed. */
async function exchange (socket: Socket, request: Buffer): Promise<number> {
  return await new Promise(resolve => {
    let text = ''
    const end = (status: number, isLast: boolean): void => {
      clearTimeout(late)
      socket.off('data', read).off('close', cut)
      if (isLast) socket.destroy()
      resolve(status)
    }
    const read = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      const length = Number(/\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1] ?? NaN)
      if (head < 0 || text.length < head + 4 + length) return
      end(Number(text.slice(9, 12)), /\r\nconnection: close\r\n/i.test(text))
    }
    const cut = (): void => { end(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), true) }
    const late = setTimeout(() => { end(0, true) }, answerMsMax)
    socket.on('data', read).once('close', cut)
    socket.write(request)
  })
}

function templateOf (events: number): Template {
  const timestamp = new Date().toISOString()
  const body = `[${Array.from({ length: events }, (_, i) => `{"event_id":"${idOf(0, i)}","event_type":"page_view","timestamp":"${timestamp}","session_id":"s-${i}","url":"https://shop.example/products/1?color=red","title":"A product","properties":{"a":1}}`).join(',')}]`
  const bytes = Buffer.from(`POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  const places: number[] = []
  for (let at = bytes.indexOf('"o-'); at >= 0; at = bytes.indexOf('"o-', at + 1)) places.push(at + 3)
  return { events, bytes, places }
}

function fill ({ bytes, places }: Template, request: number): Buffer {
  const filled = Buffer.from(bytes)
  const number = Buffer.from(String(request).padStart(digits, '0'))
  for (const place of places) number.copy(filled, place)
  return filled
}
