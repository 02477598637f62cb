// `npm start`: the whole line on this machine. Starts catalog, gateway, writer and analytics as processes of their own, says
// where they are and what to type next, then shows a live line until Ctrl+C. `--demo` sends events as well.
// Refuses settings that no service knows. Ends everything it started within 10 s, the gateway first.

import { fork, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Type } from 'typebox'
import { checkDataFolder, complain, freePort, keepToOwner, readConfig, sentenceOf, settingsOf, show, supervise } from '../../runtime/index.ts'
import { takeLine } from './line-lock.ts'
import { startMailbox } from './mailbox.ts'
import { findParents, watchParents } from './parents.ts'
import { startLiveLine, type LiveLine } from './live-line.ts'
import { catalogUrlOf, closeOrder, describeServices, hostToReach, settingsOfTheLine } from './services.ts'

/** Where a command looks when nobody tells it. */
const usualCatalogUrl = 'http://127.0.0.1:8181'
const usualWatchUrls = String(settingsOf(settingsOfTheLine()).FIRN_ALERT_WATCH_URLS?.default)
/** Long enough to mean "until Ctrl+C", short enough for a timer. */
const demoSecondsMax = 20 * 86_400
const demoCloseMsMax = 2000
const demoMailsMinuteMax = 600
const demoSlowSeconds = 20
/** The generator is a command, not a service: it would not notice by itself that the line is gone. */
const endWithParent = 'process.on("disconnect", () => process.exit(1)); process.channel.unref()'

const settings = Type.Object({
  demo: Type.Boolean({ default: false, description: 'also run the generator: shoppers with carts, orders, payments, some fraud, some broken events' }),
  rate: Type.Number({ default: 100, minimum: 0.01, maximum: 100_000, description: 'with --demo: events per second' }),
  duration: Type.Optional(Type.String({ pattern: '^\\d+(\\.\\d+)?(s|m|h)?$', description: 'with --demo: how long to send, e.g. 60s or 5m; the line goes on running' })),
  ...settingsOfTheLine().properties
})

let live: LiveLine | undefined
const print = (line: string): void => live === undefined ? void show(line.split('\n')) : live.print(line)

try {
  await runLine()
} catch (error) {
  complain(`firn: ${sentenceOf(error)}`)
  process.exit(1)
}

async function runLine (): Promise<void> {
  const config = await choosePorts(readConfig('npm start', settings) as Readonly<Record<string, unknown>>)
  const dataDir = resolve(String(config.FIRN_DATA_DIR))
  // Not recursive: where a file system answers ENOENT for a folder in one that exists (/proc), Node's recursive mkdir never ends.
  if (!existsSync(dataDir) && existsSync(dirname(dataDir))) mkdirSync(dataDir, { mode: 0o700 })
  checkDataFolder(dataDir)
  keepToOwner(dataDir, config.FIRN_WAREHOUSE_URL as string | undefined)
  takeLine(dataDir)
  const gatewayUrl = `http://${hostToReach(config.FIRN_GATEWAY_HOST)}:${String(config.FIRN_GATEWAY_PORT)}`
  const writerUrl = `http://${hostToReach(config.FIRN_WRITER_HOST)}:${String(config.FIRN_WRITER_PORT)}`
  const analyticsUrl = `http://${hostToReach(config.FIRN_ANALYTICS_HOST)}:${String(config.FIRN_ANALYTICS_PORT)}`
  const began = performance.now()
  // The demo's alerts have to arrive somewhere.
  const mailbox = config.demo === true && config.FIRN_MAIL_URL === undefined ? await startMailbox({ port: 0, dir: join(dataDir, 'mailbox') }) : undefined
  // And each by itself: nobody is disturbed by them there.
  // Without a wish of the user: the services that are started here, wherever they listen.
  const watched = String(config.FIRN_ALERT_WATCH_URLS) === usualWatchUrls ? [gatewayUrl, writerUrl] : config.FIRN_ALERT_WATCH_URLS
  const tuned = mailbox === undefined ? config : { ...config, FIRN_MAIL_URL: mailbox.url, FIRN_ALERT_DIGEST_MINUTE_MAX: demoMailsMinuteMax, FIRN_MODELS_SLOW_SECONDS: Math.min(demoSlowSeconds, Number(config.FIRN_MODELS_SLOW_SECONDS)) }
  const supervision = supervise(describeServices({ ...tuned, FIRN_ALERT_WATCH_URLS: watched }, process.env), {
    logDir: join(dataDir, 'logs'),
    closeOrder,
    say: print
  })

  let generator: ChildProcess | undefined
  const { promise: told, resolve: tell } = Promise.withResolvers<string>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    let times = 0
    process.on(signal, () => {
      if (++times > 1 && signal === 'SIGINT') {
        supervision.kill()
        generator?.kill('SIGKILL')
        process.exit(130)
      }
      tell(signal)
    })
  }

  watchParents(findParents(), () => { tell('npm is gone') })
  // What reads our output may end (`| head`, a closed terminal): that is the end of the watch, not a crash.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => { tell('its output is gone') })

  let failure: unknown
  try {
    const started = await Promise.race([supervision.ready.then(() => true), told.then(() => false)])
    if (started) {
      print(welcome({ gatewayUrl, analyticsUrl, catalog: catalogUrlOf(config), dataDir, isMailKept: mailbox !== undefined }, performance.now() - began))
      live = startLiveLine({ gateway: gatewayUrl, writer: writerUrl, analytics: analyticsUrl }, process.stdout)
      if (config.demo === true) generator = startDemo(gatewayUrl, config)
      await told
    }
  } catch (error) {
    failure = error
  }
  live?.stop()
  if (failure === undefined) print('closing: the gateway, then the writer, the models and the catalog …')
  await endDemo(generator)
  await supervision.close()
  await mailbox?.close()
  if (failure !== undefined) throw failure
  print('closed; everything that was acknowledged is kept in ' + dataDir)
  process.exit(0)
}

/** Port 0 means any free one; it is chosen here, since the services have to know each other's. */
async function choosePorts (config: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  const chosen: Record<string, unknown> = { ...config }
  for (const name of ['FIRN_GATEWAY_PORT', 'FIRN_CATALOG_PORT', 'FIRN_WRITER_PORT', 'FIRN_ANALYTICS_PORT']) {
    if (chosen[name] === 0) chosen[name] = await freePort()
  }
  return Object.freeze(chosen)
}

interface Welcome { readonly gatewayUrl: string, readonly analyticsUrl: string, readonly catalog: { url: string, embedded: boolean }, readonly dataDir: string, readonly isMailKept: boolean }

function welcome ({ gatewayUrl, analyticsUrl, catalog, dataDir, isMailKept }: Welcome, readyMs: number): string {
  // Another terminal finds the catalog at its usual port only.
  const at = catalog.url === usualCatalogUrl ? '' : `FIRN_CATALOG_URL=${catalog.url} `
  return `
firn is ready after ${(readyMs / 1000).toFixed(1)} s; Ctrl+C ends it.

  gateway   ${gatewayUrl}        POST /v1/events
  docs      ${gatewayUrl}/docs
  catalog   ${catalog.url}        Iceberg REST${catalog.embedded ? '' : ' (not ours: FIRN_CATALOG_URL)'}
  questions ${analyticsUrl}        POST /v1/query
  data      ${dataDir}${isMailKept ? `\n  mail      ${join(dataDir, 'mailbox')}        what the demo's fraud alerts send` : ''}

Send an event, and read it as a row a few seconds later (in another terminal):

  curl -sS ${gatewayUrl}/v1/events -H 'content-type: application/json' -d '{"event_id":"my-first-event","event_type":"page_view","timestamp":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'","session_id":"s-1","url":"https://shop.example/"}'
  ${at}npm run sql -- "select event_id, event_type, event_time, url from firn.events where event_id = 'my-first-event'"
`
}

function startDemo (gatewayUrl: string, config: Readonly<Record<string, unknown>>): ChildProcess {
  const seconds = config.duration === undefined ? demoSecondsMax : secondsOf(String(config.duration))
  const env: NodeJS.ProcessEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  env.FIRN_DATA_DIR = String(config.FIRN_DATA_DIR)
  if (config.FIRN_GATEWAY_WRITE_KEYS !== undefined) env.FIRN_GATEWAY_WRITE_KEYS = String(config.FIRN_GATEWAY_WRITE_KEYS)
  const flags = ['--to', 'gateway', '--url', gatewayUrl, '--rate', String(config.rate), '--duration', String(seconds), '--seed', String(Date.now() % 1_000_000), '--quiet']
  const child = fork(join(import.meta.dirname, '../../loadtest/generate/main.ts'), flags, {
    env, execArgv: ['--import', `data:text/javascript,${encodeURIComponent(endWithParent)}`], stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true
  })
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => print(text.toString().trimEnd()))
  child.on('exit', code => { if (code !== 0 && code !== null) print(`the generator ended with exit code ${code}`) })
  print(`the demo sends ${String(config.rate)} events per second ${config.duration === undefined ? 'until Ctrl+C' : `for ${seconds} s`}`)
  return child
}

async function endDemo (generator: ChildProcess | undefined): Promise<void> {
  if (generator === undefined || generator.exitCode !== null || generator.signalCode !== null) return
  generator.kill('SIGTERM')
  const timer = setTimeout(() => generator.kill('SIGKILL'), demoCloseMsMax)
  await new Promise<void>(resolve => generator.once('exit', () => { resolve() }))
  clearTimeout(timer)
}

function secondsOf (duration: string): number {
  const unit = duration.at(-1)
  return Number.parseFloat(duration) * (unit === 'm' ? 60 : unit === 'h' ? 3600 : 1)
}
