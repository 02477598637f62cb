// Whether the line runs: ports are free or ours, each service says that it is ready, and one event sent through the
// gateway is found as a row by the same `npm run sql` that everybody uses.

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
  readonly catalogEmbedded: boolean
}

const portSettings = { gateway: 'FIRN_GATEWAY_PORT', catalog: 'FIRN_CATALOG_PORT', writer: 'FIRN_WRITER_PORT' } as const

export async function * checkLine (addresses: LineAddresses): AsyncGenerator<Finding> {
  const services = ['catalog', 'gateway', 'writer'] as const
  const findings: Finding[] = []
  for (const service of services) findings.push(await checkService(service, addresses[service], service === 'catalog' && !addresses.catalogEmbedded))
  const running = findings.filter(finding => finding.detail.startsWith('ready'))
  const ownRunning = running.filter(finding => finding.what !== 'catalog' || addresses.catalogEmbedded)
  for (const finding of findings) {
    yield finding.state === 'ok' && !running.includes(finding) && ownRunning.length > 0
      ? { ...finding, state: 'fail', detail: `does not run, although the ${ownRunning.map(({ what }) => what).join(' and the ')} does: look into logs/${finding.what}.log of the data folder, then start the line again` }
      : finding
  }
  if (running.length < services.length) {
    yield { what: 'one event', state: 'warn', detail: 'not sent, since the line does not run: type npm start, then npm run doctor in another terminal' }
    return
  }
  yield * checkEvent(addresses)
}

async function checkService (service: 'catalog' | 'gateway' | 'writer', url: string, foreign: boolean): Promise<Finding> {
  const { hostname, port } = new URL(url)
  if (!await isListening(hostname, Number(port))) {
    return foreign
      ? { what: service, state: 'fail', detail: `nothing listens at ${url}: check FIRN_CATALOG_URL` }
      : { what: service, state: 'ok', detail: `does not run; port ${port} is free` }
  }
  const path = service === 'catalog' ? '/v1/config' : '/readyz'
  try {
    const answer = await fetch(url + path, { headers: service === 'catalog' ? catalogHeaders() : {}, signal: AbortSignal.timeout(answerMsMax) })
    const body = await answer.json() as { status?: string, defaults?: unknown, message?: string }
    const ours = service === 'catalog' ? body.defaults !== undefined : body.status === 'ready'
    if (answer.ok && ours) return { what: service, state: 'ok', detail: `ready at ${url}` }
    return { what: service, state: 'fail', detail: body.message ?? `something answers at ${url}, but not the ${service}: set ${portSettings[service]} to a free port` }
  } catch (error) {
    return { what: service, state: 'fail', detail: `port ${port} is taken by something that does not answer as the ${service} (${sentenceOf(error)}): stop it, or set ${portSettings[service]}` }
  }
}

/** The token that the catalog asks for, where one is set. */
function catalogHeaders (): Record<string, string> {
  const token = process.env.FIRN_CATALOG_TOKEN
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

async function * checkEvent ({ gateway, catalog }: LineAddresses): AsyncGenerator<Finding> {
  const eventId = `doctor-${randomUUID()}`
  const began = performance.now()
  try {
    const answer = await fetch(`${gateway}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
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
