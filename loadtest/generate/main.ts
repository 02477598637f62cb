// `npm run generate`: shoppers against a running gateway, or into a file. Keeps a ledger of every 202 and, in a file of its
// own, the truth about the fraud it played. Ends with a summary; exit code 1 when an answer stayed unknown.

import { createWriteStream, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { dirname, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { writeKeyOf } from '../../gateway/config.ts'
import { openLogFrom } from '../../log/index.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { readGenerateConfig, type GenerateConfig } from './config.ts'
import { openLedger } from './ledger.ts'
import { createLogTarget, topicsOf } from './log-target.ts'
import { createPacer } from './pacer.ts'
import { createProgress } from './progress.ts'
import { createSender, type SenderCounts } from './sender.ts'
import { sentEvent } from './sent.ts'
import { createPacker } from './shipping.ts'
import { openShop, type EventKind, type ShopEvent } from './shop.ts'

const giveUpMs = 60_000
/** Of the visits that are no fraud. */
const habitShare = 0.8

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
if (process.send !== undefined) process.once('disconnect', () => stop.abort())

try {
  process.exitCode = await generate(readGenerateConfig(new Date()))
} catch (error) {
  complain(`generate: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function generate (config: Readonly<GenerateConfig>): Promise<number> {
  if (config.to === 'gateway') await checkGateway(config.url)
  const startedAt = performance.now()
  const kinds: Record<EventKind, number> = { fresh: 0, late: 0, duplicate: 0, malformed: 0 }
  const truth = openLines(config.truthFile)
  const sent = config.habits ? openLines(config.sentFile) : null
  const target = config.to === 'file' ? fileTarget(config) : config.to === 'kafka' ? await logTarget(config) : gatewayTarget(config)
  const progress = createProgress(process.stderr, config.quiet, config, target.counts)
  const pacer = createPacer(config.eventsPerSecond)
  let events = 0
  const { clock } = config
  // History has the ids of its start, so that it is the same file each time.
  const shop = openShop({ ...config, habits: config.habits ? habitShare : 0, run: (clock?.(0) ?? Date.now()).toString(36), now: clock === null ? Date.now : () => clock(events) })
  for (const event of shop) {
    if (events >= config.eventsMax || performance.now() - startedAt >= config.durationMsMax || stop.signal.aborted) break
    await pacer.next(stop.signal)
    kinds[event.kind]++
    events++
    if (event.fraud !== undefined) await truth.write(JSON.stringify({ event_id: event.eventId, ...event.fraud }))
    const told = sentEvent(event)
    if (told !== null) await sent?.write(JSON.stringify(told))
    await target.take(event)
    progress.draw(events)
  }
  await target.end()
  await truth.end()
  await sent?.end()
  progress.end()
  const seconds = (performance.now() - startedAt) / 1000
  const { counts } = target
  const lines = [
    `${events} events in ${seconds.toFixed(1)} s (${Math.round(events / seconds)}/s): ${kinds.fresh} fresh, ${kinds.late} late, ${kinds.duplicate} sent twice, ${kinds.malformed} broken`,
    ...config.to === 'file'
      ? [`written to ${shown(config.eventsFile)}`]
      : [`answers: ${counts.acked} accepted, ${counts.refused} refused, ${counts.unknown} unknown, ${counts.retries} retries; p50 ${quantile(target.latencyMs, 0.5)} ms, p99 ${quantile(target.latencyMs, 0.99)} ms`,
          `ledger ${shown(config.ledgerFile)}`],
    `truth about fraud ${shown(config.truthFile)}`,
    ...sent === null ? [] : [`what was sent ${shown(config.sentFile)}`]
  ]
  show(lines)
  return counts.unknown > 0 ? 1 : 0
}

interface Target {
  readonly counts: SenderCounts
  readonly latencyMs: number[]
  take(event: ShopEvent): Promise<void>
  end(): Promise<void>
}

/** Takes an event when a connection is free: the gateway's pace is ours. */
function gatewayTarget (config: Readonly<GenerateConfig>): Target {
  const ledger = openLedger(config.ledgerFile)
  const sender = createSender({ url: config.url, key: writeKeyOf(config.FIRN_GATEWAY_WRITE_KEYS), ledger, connections: config.connections, giveUpMs, signal: stop.signal })
  const packer = createPacker(config.batch)
  const underWay = new Set<Promise<void>>()
  const ship = async (shipment: Parameters<typeof sender.send>[0]): Promise<void> => {
    while (underWay.size >= config.connections) await Promise.race(underWay)
    const sending = sender.send(shipment).finally(() => underWay.delete(sending))
    underWay.add(sending)
  }
  return {
    counts: sender.counts,
    latencyMs: sender.latencyMs,
    take: async event => { for (const shipment of packer.add(event)) await ship(shipment) },
    end: async () => {
      for (const shipment of packer.rest()) await ship(shipment)
      await Promise.all(underWay)
      await sender.close()
      ledger.close()
    }
  }
}

async function logTarget (config: Readonly<GenerateConfig>): Promise<Target> {
  const log = await openLogFrom(config.FIRN_LOG_URL ?? pathToFileURL(resolve(config.FIRN_DATA_DIR, 'log')).href, config)
  for (const topic of topicsOf(config.form, config.topic)) await log.ensureTopic(topic)
  const ledger = openLedger(config.ledgerFile)
  const target = createLogTarget({ log, ledger, topic: config.topic, form: config.form, batch: config.batch, connections: config.connections, giveUpMs, signal: stop.signal })
  return {
    ...target,
    end: async () => {
      await target.end()
      ledger.close()
      await log.close()
    }
  }
}

function fileTarget (config: Readonly<GenerateConfig>): Target {
  const lines = openLines(config.eventsFile)
  return { counts: { acked: 0, refused: 0, unknown: 0, requests: 0, retries: 0 }, latencyMs: [], take: event => lines.write(event.json), end: lines.end }
}

function openLines (file: string): { write(line: string): Promise<void>, end(): Promise<void> } {
  mkdirSync(dirname(file), { recursive: true })
  const stream = createWriteStream(file, { flags: 'a' })
  return {
    write: async line => { if (!stream.write(line + '\n')) await once(stream, 'drain') },
    end: async () => { stream.end(); await once(stream, 'close') }
  }
}

async function checkGateway (url: string): Promise<void> {
  try {
    await fetch(new URL('/livez', url), { signal: AbortSignal.timeout(5_000) })
  } catch (error) {
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined
    throw fail('LOADTEST_GATEWAY_AWAY', { url, reason: cause?.code ?? (error as Error).message }, error)
  }
}

function quantile (values: number[], q: number): string {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(1)
}

function shown (file: string): string {
  const short = relative(process.cwd(), file)
  return short.startsWith('..') ? file : short
}
