// Whether the line runs: ports are free or ours, each service says that it is ready (one that runs and stands still, as a
// halted writer, is told from one that does not run), and one event sent through the gateway is found as a row by the same `npm run sql` that everybody uses.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { sentenceOf } from '../../runtime/index.ts'
import type { Finding } from './doctor.ts'

const answerMsMax = 3000
const rowMsMax = 30_000
const lookEveryMs = 500

export interface LineAddresses {
  readonly gateway: string
  readonly writer: string
  readonly catalog: string
  readonly analytics: string
  readonly catalogEmbedded: boolean
  /** Where the gateway asks for a write key. */
  readonly writeKey?: string | undefined
}

const portSettings = { gateway: 'FIRN_GATEWAY_PORT', catalog: 'FIRN_CATALOG_PORT', writer: 'FIRN_WRITER_PORT', analytics: 'FIRN_ANALYTICS_PORT' } as const

export type ServiceName = keyof typeof portSettings
/** `troubled`: it runs, and says what it cannot do; `stranger`: something else answers at its port. */
export type ServiceState = 'ready' | 'away' | 'troubled' | 'stranger'
export interface ServiceFound { readonly service: ServiceName, readonly state: ServiceState, readonly url: string, readonly detail: string, readonly isOurs: boolean }

export async function * checkLine (addresses: LineAddresses): AsyncGenerator<Finding> {
  const services = ['catalog', 'gateway', 'writer', 'analytics'] as const
  const found: ServiceFound[] = []
  for (const service of services) {
    const isOurs = service !== 'catalog' || addresses.catalogEmbedded
    found.push({ service, url: addresses[service], isOurs, ...await askService(service, addresses[service]) })
  }
  const { findings, isEventSent } = judgeLine(found)
  yield * findings
  if (isEventSent) yield * checkEvent(addresses)
}

/** What is said of each service, and whether an event can be followed to its row. */
export function judgeLine (found: readonly ServiceFound[]): { findings: Finding[], isEventSent: boolean } {
  const running = found.filter(({ state, isOurs }) => isOurs && (state === 'ready' || state === 'troubled'))
  const findings = found.map(one => judgeService(one, running.map(({ service }) => service)))
  const needed = found.filter(({ service }) => service !== 'analytics')
  if (needed.every(({ state }) => state === 'ready')) return { findings, isEventSent: true }
  const stopped = running.length === 0
  const detail = stopped
    ? 'not sent, since the line does not run: type npm start, then npm run doctor in another terminal'
    : `not sent, since it would not become a row: ${needed.filter(({ state }) => state !== 'ready').map(({ service, state }) => `the ${service} ${state === 'troubled' ? 'runs and stands still' : 'does not run'}`).join(', ')}`
  return { findings: [...findings, { what: 'one event', state: 'warn', detail }], isEventSent: false }
}

function judgeService ({ service: what, state, url, detail, isOurs }: ServiceFound, running: readonly ServiceName[]): Finding {
  if (state === 'ready') return { what, state: 'ok', detail: `ready at ${url}` }
  if (state === 'troubled') return { what, state: 'fail', detail: `runs at ${url} and is not ready: ${detail}` }
  if (state === 'stranger') return { what, state: 'fail', detail }
  if (!isOurs) return { what, state: 'fail', detail: `nothing listens at ${url}: check FIRN_CATALOG_URL` }
  if (running.length === 0) return { what, state: 'ok', detail: `does not run; port ${new URL(url).port} is free` }
  return { what, state: 'fail', detail: `does not run, although the ${running.join(' and the ')} does: look into logs/${what}.log of the data folder, then start the line again` }
}

async function askService (service: ServiceName, url: string): Promise<{ state: ServiceState, detail: string }> {
  const { hostname, port } = new URL(url)
  if (!await isListening(hostname.replace(/^\[|\]$/g, ''), Number(port))) return { state: 'away', detail: '' }
  const path = service === 'catalog' ? '/v1/config' : '/readyz'
  const setting = portSettings[service]
  try {
    const answer = await fetch(url + path, { signal: AbortSignal.timeout(answerMsMax) })
    const body = await answer.json() as { status?: string, defaults?: unknown, message?: string, error?: { message?: string } }
    const ours = service === 'catalog' ? body.defaults !== undefined : body.status === 'ready'
    if (answer.ok && ours) return { state: 'ready', detail: '' }
    const words = body.message ?? body.error?.message
    if (words !== undefined) return { state: 'troubled', detail: words }
    return { state: 'stranger', detail: `something answers at ${url}, but not the ${service}: set ${setting} to a free port` }
  } catch (error) {
    return { state: 'stranger', detail: `port ${port} is taken by something that does not answer as the ${service} (${sentenceOf(error)}): stop it, or set ${setting}` }
  }
}

async function * checkEvent ({ gateway, catalog, writeKey }: LineAddresses): AsyncGenerator<Finding> {
  const eventId = `doctor-${randomUUID()}`
  const began = performance.now()
  try {
    const answer = await fetch(`${gateway}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...writeKey === undefined ? {} : { 'x-write-key': writeKey } },
      body: JSON.stringify({ event_id: eventId, event_type: 'doctor_check', timestamp: new Date().toISOString() }),
      signal: AbortSignal.timeout(answerMsMax)
    })
    const text = await answer.text()
    if (answer.status !== 202) {
      yield { what: 'one event', state: 'fail', detail: `the gateway answered ${answer.status}: ${text.slice(0, 200)}` }
      return
    }
    yield { what: 'one event', state: 'ok', detail: `202 after ${(performance.now() - began).toFixed(0)} ms: it is durable in the log` }
  } catch (error) {
    yield { what: 'one event', state: 'fail', detail: `the gateway did not take it: ${sentenceOf(error)}` }
    return
  }
  const accepted = performance.now()
  let last = 'no row yet'
  while (performance.now() - accepted < rowMsMax) {
    const found = await countRows(eventId, catalog).catch((error: unknown) => { last = sentenceOf(error) })
    if (found === 1) {
      yield { what: 'its row', state: 'ok', detail: `found by SQL ${((performance.now() - accepted) / 1000).toFixed(1)} s after the 202` }
      return
    }
    if (found !== undefined && found > 1) {
      yield { what: 'its row', state: 'fail', detail: `the event is there ${found} times: run npm run verify and report what it says` }
      return
    }
    await sleep(lookEveryMs)
  }
  yield { what: 'its row', state: 'fail', detail: `not there after ${rowMsMax / 1000} s (${last}): look into logs/writer.log of the data folder` }
}

async function countRows (eventId: string, catalogUrl: string): Promise<number> {
  const sql = `select count(*) as n from firn.events where event_id = '${eventId}'`
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../analytics/sql/main.ts'), '--json', sql], {
    env: { ...process.env, FIRN_CATALOG_URL: catalogUrl }, timeout: rowMsMax
  })
  const [row] = JSON.parse(stdout) as Array<{ n: number | string }>
  return Number(row?.n ?? 0)
}

function isListening (host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: answerMsMax })
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => { end(true) }).once('error', () => { end(false) }).once('timeout', () => { end(false) })
  })
}
