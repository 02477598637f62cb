// For tests: a mail server on loopback that keeps what it is given, and can be told to behave badly.

import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Test } from 'tap'
import type { Alert } from './alert.ts'
import type { AlertConfig } from './config.ts'

export interface TestMail { readonly messageId: string, readonly subject: string, readonly headers: ReadonlyMap<string, string>, readonly raw: string, readonly to: readonly string[] }

export interface TestMailServer {
  readonly url: string
  readonly port: number
  readonly mails: TestMail[]
  /** What the next mails meet; undefined: they are taken. */
  behave: { onData?: (session: { socket: Socket | undefined }) => 'take' | 'cut' | 'cut after taking' | 'hang' | Error, onRcptTo?: (address: string) => Error | null } 
  close(): Promise<void>
}

export async function startMailServer (t: Test, port = 0, options: SMTPServerOptions = {}): Promise<TestMailServer> {
  const mails: TestMail[] = []
  const sockets = new Set<Socket>()
  const result = { mails, behave: {} } as unknown as { -readonly [K in keyof TestMailServer]: TestMailServer[K] }
  const server = new SMTPServer({
    authOptional: true, disabledCommands: ['STARTTLS'], logger: false, closeTimeout: 100, ...options,
    onRcptTo: (address, _session, answer) => { answer(result.behave.onRcptTo?.(address.address) ?? null) },
    onData: (stream, session, answer) => {
      let raw = ''
      stream.setEncoding('utf8').on('error', () => {}).on('data', (text: string) => { raw += text }).on('end', () => {
        const verdict = result.behave.onData?.({ socket: undefined }) ?? 'take'
        if (verdict === 'take' || verdict === 'cut after taking') mails.push({ ...readMail(raw), to: session.envelope.rcptTo.map(({ address }) => address) })
        if (verdict === 'take') answer(null)
        else if (verdict === 'cut' || verdict === 'cut after taking') for (const socket of sockets) socket.destroy()
        else if (verdict !== 'hang') answer(verdict)
      })
    }
  })
  server.on('error', () => {})
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  server.listen(port, '127.0.0.1')
  await once(server.server, 'listening')
  result.port = (server.server.address() as AddressInfo).port
  result.url = `smtp://127.0.0.1:${result.port}`
  result.close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  }
  t.teardown(result.close)
  return result
}

export function readMail (raw: string): Omit<TestMail, 'to'> {
  const headers = new Map<string, string>()
  const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]+/g, ' ')
  for (const line of head.split('\r\n')) headers.set(line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim())
  return { messageId: headers.get('message-id') ?? '', subject: headers.get('subject') ?? '', headers, raw }
}

export function testConfig (mailUrl: string | undefined, more: Partial<AlertConfig> = {}): AlertConfig {
  return {
    ...mailUrl === undefined ? {} : { FIRN_MAIL_URL: mailUrl }, FIRN_MAIL_FROM: 'firn <alerts@shop.example>', FIRN_ALERT_TO: ['fraud-desk@shop.example'],
    FIRN_ALERT_DIGEST_MINUTE_MAX: 1000, FIRN_ALERT_DIGEST_SECONDS: 60, FIRN_ALERT_UPDATE_SECONDS: 0, FIRN_ALERT_BACKLOG_HOURS: 24,
    FIRN_ALERT_RETRY_MINUTES_MAX: 60, FIRN_ALERT_QUEUE_MAX: 10_000, FIRN_ALERT_LEDGER_MAX: 10_000,
    FIRN_ALERT_WATCH_URLS: [], FIRN_ALERT_HOLD_SECONDS: 30, FIRN_ALERT_LAG_RECORDS_MAX: 1000, FIRN_ALERT_STALLED_SECONDS_MAX: 30, FIRN_ALERT_SPOOL_PERCENT_MAX: 50, FIRN_ALERT_FRESHNESS_SECONDS_MAX: 60, FIRN_ALERT_DEAD_LETTERS_PERCENT_MAX: 5,
    FIRN_ALERT_QUALITY_ROWS_MIN: 100, FIRN_ALERT_MISSING_PERCENT_MAX: 10, FIRN_ALERT_DUPLICATES_PERCENT_MAX: 20, FIRN_ALERT_LATE_PERCENT_MAX: 20, FIRN_ALERT_OUTLIERS_PERCENT_MAX: 10, ...more
  }
}

export function fraudAlert (orderId: string, score: number, more: Partial<Alert> = {}): Alert {
  return {
    id: `fraud-${orderId}`, kind: 'fraud', severity: score >= 5 ? 'high' : 'medium', score, title: `Order ${orderId}: 6,120.00 USD`,
    evidence: ['amount 6120.00 USD is over 5000', '4 cards in session s-1'], query: { sql: `select * from {table} e where e.order_id = '${orderId}'`, table: 'firn.events', snapshotId: 42n },
    at: new Date(), ...more
  }
}
