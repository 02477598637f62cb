// Watches the line itself: scrapes the services' metrics every few seconds and hears of the runner's cycles; tells when
// something begins to be wrong and when it is over, never in between. A look never takes longer than its services' time
// limit, and looks never overlap.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readMetrics, type Logger, type Samples } from '../../runtime/index.ts'
import type { Freshness } from '../model-freshness.ts'
import type { Alerts } from './alerts.ts'
import { instanceIn, instancesOf, type Instance, type Lookup } from './instances.ts'
import { openTraffic } from './traffic.ts'
import type { AlertConfig } from './config.ts'
import { staleCondition } from './stale-models.ts'
import { openConditions, type Condition } from './conditions.ts'
import { pipelineConditions, type Scrape } from './pipeline-conditions.ts'

/** What freshness and dead letters are measured over. */
const windowMs = 2 * 60_000
const answerMsMax = 3000
/** A model that failed once may have met a conflict; this often in a row it needs somebody. */
const modelFailuresMin = 2
const modelsMax = 1000

export interface WatchOptions {
  /** Base addresses; what a service is shows in its metrics. */
  readonly metricsUrls: readonly string[]
  /** How stale the models are, where they run in this process. */
  readonly freshness?: () => Promise<readonly Freshness[]>
  readonly alerts: Pick<Alerts, 'offer'>
  readonly config: AlertConfig
  readonly dataDir: string
  readonly logger: Pick<Logger, 'warn'>
  readonly everyMs?: number
  readonly clock?: () => number
  /** The addresses of a name; the system's unless a test says otherwise. */
  readonly lookup?: Lookup
}

export interface PipelineWatch {
  /** After each cycle of the runner: models that keep failing. */
  afterCycle(runs: ReadonlyArray<{ readonly model: string, readonly outcome: string, readonly error?: string }>): void
  /** What is wrong at the moment, by name. */
  open(): string[]
  close(): Promise<void>
}

export function watchPipeline (options: WatchOptions): PipelineWatch {
  const { alerts, config, logger, metricsUrls, everyMs = 10_000, clock = Date.now } = options
  const holdMs = config.FIRN_ALERT_HOLD_SECONDS * 1000
  const conditions = openConditions({ file: join(options.dataDir, 'alerts', 'open-conditions.json'), beginMs: holdMs, endMs: holdMs, offer: alert => alerts.offer(alert) })
  const history = new Map<string, Array<{ atMs: number, samples: Samples }>>()
  const models = new Map<string, { failures: number, error: string }>()
  const traffic = openTraffic(join(options.dataDir, 'alerts', 'traffic.json'))
  const closing = new AbortController()

  const scrape = async ({ name, url }: Instance): Promise<Scrape> => {
    const [samples, refusal] = await Promise.all([readMetrics(url, answerMsMax, closing.signal), readRefusal(url, closing.signal)])
    const now = samples ?? null
    traffic.take(name, now, clock())
    const readings = history.get(name) ?? []
    history.set(name, readings)
    while (readings.length > 1 && clock() - readings[1]!.atMs >= windowMs) readings.shift()
    const before = readings[0]?.samples ?? null
    if (now !== null) readings.push({ atMs: clock(), samples: now })
    return { url: name, before, now, refusal }
  }
  const look = async (): Promise<void> => {
    const instances = (await Promise.all(metricsUrls.map(async url => await instancesOf(url, options.lookup)))).flat()
    const [scrapes, fresh] = await Promise.all([Promise.all(instances.map(scrape)), options.freshness?.()])
    if (closing.signal.aborted) return
    const watched = new Set(instances.map(({ name }) => name))
    for (const name of history.keys()) if (!watched.has(name)) history.delete(name)
    const nowMs = clock()
    await conditions.judge([
      ...pipelineConditions(scrapes, config, key => traffic.refusedHabit(key, nowMs)),
      ...traffic.conditions(nowMs),
      ...[...models].map(([name, state]) => modelCondition(name, state)),
      ...fresh === undefined ? [] : [staleCondition(fresh)],
      ...conditions.open().filter(name => !watched.has(instanceIn(name) ?? name)).filter(name => instanceIn(name) !== null).map(unwatched)
    ], nowMs)
  }
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await look().catch((error: unknown) => { logger.warn({ err: error }, 'the line could not be judged: it is looked at again') })
      await sleep(everyMs, undefined, { signal: closing.signal }).catch(() => {})
    }
  }
  const running = run()
  return {
    open: () => conditions.open(),
    afterCycle: runs => {
      for (const { model, outcome, error } of runs) {
        if (!models.has(model) && models.size >= modelsMax) continue
        const failures = outcome === 'failed' ? (models.get(model)?.failures ?? 0) + 1 : 0
        models.set(model, { failures, error: error ?? '' })
      }
    },
    close: async () => {
      closing.abort()
      await running
    }
  }
}

/** Why a service is not ready, in its own words; null when it is, undefined when that cannot be heard. */
async function readRefusal (url: string, signal: AbortSignal): Promise<string | null | undefined> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]) })
    const text = await answer.text()
    if (answer.status !== 503) return answer.ok ? null : undefined
    return /"message":"((?:[^"\\]|\\.){1,400})/.exec(text)?.[1] ?? 'not ready'
  } catch {
    return undefined
  }
}

/** An instance that was stopped or replaced, or is no longer to be watched, tells no end of what it began. */
function unwatched (name: string): Condition {
  return { name, kind: 'pipeline', severity: 'low', finding: 'good', title: name, evidence: ['it is no longer among the services that are watched'] }
}

function modelCondition (model: string, { failures, error }: { failures: number, error: string }): Condition {
  return {
    name: `model-${model}`, kind: 'pipeline', severity: 'high', finding: failures >= modelFailuresMin ? 'bad' : failures === 0 ? 'good' : 'unknown',
    title: `The model ${model} fails`, evidence: failures === 0 ? [] : [error, 'its table stays as it was until a run works: npm run models']
  }
}
