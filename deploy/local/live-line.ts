// One line about how the line runs: events/s in, rows committed, freshness p50 and p99, dead letters; read from the
// services' own /metrics. On a terminal it is rewritten in place; elsewhere it is printed every ten seconds while
// something happens, and once a minute otherwise. Whatever else is printed goes above it.

import { bucketsOf, quantileBetween, readMetrics, shownLine, sumOf } from '../../runtime/index.ts'

const terminalMs = 2000
const plainMs = 10_000
const quietMsMax = 60_000
const readMsMax = 1500
const freshnessWindowMs = 60_000

const accepted = 'firn_gateway_events_accepted_total'
const rows = 'firn_writer_rows_total'
const deadLetters = 'firn_writer_dead_letters_total'
const freshness = 'firn_writer_freshness_seconds'
const halted = 'firn_writer_halted_partitions'
const alertSeconds = 'firn_analytics_alert_seconds'

interface Reading {
  atMs: number
  accepted: number
  rows: number
  deadLetters: number
  halted: number
  freshness: Map<number, number>
  /** Alerts told since the start of the service, by seconds from the event's arrival. */
  alerts: Map<number, number>
}

export interface LineUrls { readonly gateway: string, readonly writer: string, readonly analytics: string }

export interface LiveLine {
  /** Prints a line of something else. */
  print(text: string): void
  stop(): void
}

export function startLiveLine (urls: LineUrls, out: NodeJS.WriteStream): LiveLine {
  const onTerminal = out.isTTY === true
  const readings: Reading[] = []
  let shown = ''
  let lastPrintedMs = 0
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const erase = (): void => {
    if (onTerminal && shown !== '') out.write('\r\u001b[K')
  }
  const tick = async (): Promise<void> => {
    const reading = await read(urls)
    if (stopped) return
    if (reading !== undefined) {
      const text = describeLine(readings.at(-1), reading, readings[0])
      const changed = !sameState(readings.at(-1), reading)
      readings.push(reading)
      while (reading.atMs - (readings[0] as Reading).atMs > freshnessWindowMs) readings.shift()
      if (onTerminal) {
        erase()
        shown = text.slice(0, (out.columns || 120) - 1)
        out.write(shown)
      } else if (readings.length > 1 && (changed || reading.atMs - lastPrintedMs >= quietMsMax)) {
        lastPrintedMs = reading.atMs
        out.write(text + '\n')
      }
    }
    timer = setTimeout(() => { void tick() }, onTerminal ? terminalMs : plainMs)
  }
  void tick()
  return {
    print: text => {
      erase()
      out.write(text.split('\n').map(shownLine).join('\n') + '\n')
      if (onTerminal && !stopped) out.write(shown)
    },
    stop: () => {
      if (stopped) return
      stopped = true
      clearTimeout(timer)
      erase()
      shown = ''
    }
  }
}

async function read (urls: LineUrls): Promise<Reading | undefined> {
  const [gateway, writer, analytics] = await Promise.all([readMetrics(urls.gateway, readMsMax), readMetrics(urls.writer, readMsMax), readMetrics(urls.analytics, readMsMax)])
  if (gateway === undefined || writer === undefined) return undefined
  return {
    atMs: Date.now(),
    accepted: sumOf(gateway, accepted),
    rows: sumOf(writer, rows),
    // Dropped duplicates are listed in the same table; they are no letters that somebody has to look at.
    deadLetters: sumOf(writer, deadLetters) - (writer.get(`${deadLetters}{reason="duplicate"}`) ?? 0),
    halted: sumOf(writer, halted),
    freshness: bucketsOf(writer, freshness),
    alerts: analytics === undefined ? new Map() : bucketsOf(analytics, alertSeconds)
  }
}

/** The text of the line. Rates are since the previous reading, freshness over the last minute. */
export function describeLine (previous: Reading | undefined, now: Reading, oldest: Reading | undefined): string {
  const seconds = previous === undefined ? 0 : (now.atMs - previous.atMs) / 1000
  // A service that was started again counts from nought: no negative rates.
  const perSecond = previous === undefined || seconds <= 0 ? 0 : Math.max(0, now.accepted - previous.accepted) / seconds
  const quantile = (q: number): string => {
    const value = oldest === undefined ? undefined : quantileBetween(oldest.freshness, now.freshness, q)
    return value === undefined ? '–' : `${value.toFixed(1)} s`
  }
  const parts = [
    `in ${Math.round(perSecond).toLocaleString('en')} events/s`,
    `committed ${now.rows.toLocaleString('en')} rows`,
    `freshness p50 ${quantile(0.5)} p99 ${quantile(0.99)}`,
    `dead letters ${now.deadLetters.toLocaleString('en')}`
  ]
  const told = now.alerts.get(Infinity) ?? 0
  if (told > 0) parts.push(`alerts ${told.toLocaleString('en')}, p95 ${(quantileBetween(new Map(), now.alerts, 0.95) ?? 0).toFixed(1)} s after the event`)
  if (now.halted !== 0) parts.push(`${now.halted > 0 ? `${now.halted} partition(s)` : 'the writer'} HALTED: see logs/writer.log`)
  return parts.join('  ·  ')
}

function sameState (previous: Reading | undefined, now: Reading): boolean {
  return previous !== undefined && previous.accepted === now.accepted && previous.rows === now.rows &&
    previous.deadLetters === now.deadLetters && previous.halted === now.halted
}
