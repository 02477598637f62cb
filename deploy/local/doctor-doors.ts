// The doors besides the three services: questions (analytics, Trino), mail, the spool's folder. Each is knocked at as its
// callers do, and nothing is left behind: no question is asked, no mail is sent.

import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { dirname } from 'node:path'
import { sentenceOf } from '../../runtime/index.ts'
import type { Finding } from './doctor.ts'

const answerMsMax = 5000

export interface Doors {
  /** FIRN_QUERY_URL, FIRN_MAIL_URL, FIRN_GATEWAY_SPOOL_DIR, FIRN_GATEWAY_SPOOL_BYTES_MAX as the services read them. */
  readonly queryUrl: string
  readonly mailUrl: string | undefined
  readonly spoolDir: string | undefined
  readonly spoolBytesMax: number
}

export async function * checkDoors ({ queryUrl, mailUrl, spoolDir, spoolBytesMax }: Doors): AsyncGenerator<Finding> {
  if (queryUrl.startsWith('trino')) yield await checkTrino(queryUrl)
  if (mailUrl !== undefined) yield await checkMail(mailUrl)
  if (spoolDir !== undefined) yield checkSpool(spoolDir, spoolBytesMax)
}

async function checkTrino (queryUrl: string): Promise<Finding> {
  const what = 'Trino'
  const url = new URL(queryUrl.replace(/^trino\+https:/, 'https:').replace(/^trino:/, 'http:'))
  const origin = `${url.protocol}//${url.host}`
  try {
    const answer = await fetch(`${origin}/v1/info`, { signal: AbortSignal.timeout(answerMsMax) })
    const { starting, nodeVersion } = await answer.json() as { starting?: boolean, nodeVersion?: { version?: string } }
    if (nodeVersion === undefined) return { what, state: 'fail', detail: `something answers at ${origin}, but not Trino: check FIRN_QUERY_URL` }
    if (starting === true) return { what, state: 'fail', detail: `Trino at ${origin} is still starting: ask again in a minute` }
    return { what, state: 'ok', detail: `Trino ${nodeVersion.version ?? ''} answers at ${origin}` }
  } catch (error) {
    return { what, state: 'fail', detail: `Trino does not answer at ${origin} (${sentenceOf(error)}): start it, or check FIRN_QUERY_URL` }
  }
}

/** A mail server greets with 220 before it is asked anything. */
async function checkMail (mailUrl: string): Promise<Finding> {
  const what = 'mail'
  const { protocol, hostname, port } = new URL(mailUrl)
  const isTls = protocol === 'smtps:'
  const place = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port === '' ? (isTls ? 465 : 587) : port) }
  try {
    const greeting = await new Promise<string>((resolve, reject) => {
      const socket = isTls ? connectTls({ ...place, servername: place.host }) : connect(place)
      socket.setTimeout(answerMsMax, () => { socket.destroy(new Error(`no greeting within ${answerMsMax} ms`)) })
      socket.once('error', reject).once('close', () => { reject(new Error('it hung up without a greeting')) })
      socket.once('data', data => {
        resolve(data.toString('latin1'))
        socket.end('QUIT\r\n')
      })
    })
    if (greeting.startsWith('220')) return { what, state: 'ok', detail: `a mail server greets at ${place.host}:${place.port}` }
    return { what, state: 'fail', detail: `what answers at ${place.host}:${place.port} does not greet as a mail server does: check FIRN_MAIL_URL` }
  } catch (error) {
    return { what, state: 'fail', detail: `no mail server at ${place.host}:${place.port} (${sentenceOf(error)}): alerts are told on the terminal only; check FIRN_MAIL_URL` }
  }
}

/** The gateway makes the folder at its start: what has to be there is a place that it may write to, with room. */
function checkSpool (dir: string, bytesMax: number): Finding {
  const what = 'spool'
  let place = dir
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place)
  try {
    accessSync(place, constants.W_OK)
    const { bavail, bsize } = statfsSync(place)
    const free = bavail * bsize
    return free < bytesMax
      ? { what, state: 'warn', detail: `${dir} has room for ${mebibytes(free)} MiB, the spool may grow to ${mebibytes(bytesMax)} MiB: free some, or lower FIRN_GATEWAY_SPOOL_BYTES_MAX` }
      : { what, state: 'ok', detail: `${dir} can be written, with room for all that the spool may hold` }
  } catch (error) {
    return { what, state: 'fail', detail: `${dir} cannot be written (${sentenceOf(error)}): check FIRN_GATEWAY_SPOOL_DIR` }
  }
}

function mebibytes (bytes: number): number {
  return Math.floor(bytes / 1024 ** 2)
}
