// A broker of our own that can be taken away in three ways: killed and started again on the same data, frozen, or cut
// off by the link in front of it. Behind the link it sends its clients to the link's port, so that nobody goes around.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { prepareServers, startServer, type RunningServer } from '../../deploy/servers/index.ts'
import { fail } from '../errors.ts'

export type Cut = 'killed' | 'frozen' | 'link cut'

export interface Broker {
  /** What FIRN_LOG_URL is to be. */
  readonly logUrl: string
  /** Resolves when it is away. */
  cut(how: Cut): Promise<void>
  /** Resolves when it answers again; how long that took, ms. */
  back(how: Cut): Promise<number>
  stop(): Promise<void>
}

const linkName = 'kafka'
/** A frozen broker's clients must not find a port that accepts again before it is thawed; nothing to wait for otherwise. */
const readyAgainMsMax = 60_000

export async function startBroker ({ dir, behindLink }: { dir: string, behindLink: boolean }): Promise<Broker> {
  await prepareServers(behindLink ? ['kafka', 'toxiproxy'] : ['kafka'])
  const kafkaDir = join(dir, 'kafka')
  const proxy = behindLink ? await startServer('toxiproxy', { dir: join(dir, 'toxiproxy') }) : null
  const linkPort = proxy === null ? undefined : await openLink(proxy)
  const settings = linkPort === undefined ? {} : { advertisedPort: linkPort }
  let kafka = await startServer('kafka', { dir: kafkaDir, settings })
  if (proxy !== null) await control(proxy, `/proxies/${linkName}`, { upstream: `127.0.0.1:${kafka.port}`, enabled: true })

  return {
    logUrl: `kafka://127.0.0.1:${linkPort ?? kafka.port}`,
    cut: async how => {
      switch (how) {
        case 'killed': return await kafka.stop('SIGKILL')
        case 'frozen': return kafka.pause()
        case 'link cut': for (const stream of ['upstream', 'downstream']) await control(proxy, `/proxies/${linkName}/toxics`, { name: stream, type: 'timeout', stream, attributes: { timeout: 0 } })
      }
    },
    back: async how => {
      const startedMs = performance.now()
      switch (how) {
        case 'killed':
          kafka = await startAgain(kafka, kafkaDir, settings)
          break
        case 'frozen':
          kafka.resume()
          break
        case 'link cut':
          for (const stream of ['upstream', 'downstream']) await control(proxy, `/proxies/${linkName}/toxics/${stream}`, undefined, 'DELETE')
      }
      return Math.round(performance.now() - startedMs)
    },
    stop: async () => {
      await kafka.stop()
      await proxy?.stop()
    }
  }
}

/** Its port may be held a moment longer by what the kill left behind. */
async function startAgain (kafka: RunningServer, dir: string, settings: { advertisedPort?: number }): Promise<RunningServer> {
  for (const end = Date.now() + readyAgainMsMax; ;) {
    try {
      return await startServer('kafka', { dir, port: kafka.port, settings })
    } catch (error) {
      if (Date.now() > end || (error as { code?: string }).code !== 'SERVER_PORT_IN_USE') throw error
      await sleep(200)
    }
  }
}

/** A link that leads nowhere yet; its port. */
async function openLink (proxy: RunningServer): Promise<number> {
  const { listen } = await control(proxy, '/proxies', { name: linkName, listen: '127.0.0.1:0', upstream: '127.0.0.1:1', enabled: true }) as { listen: string }
  return Number(listen.split(':').at(-1))
}

async function control (proxy: RunningServer | null, path: string, body?: object, method = 'POST'): Promise<unknown> {
  if (proxy === null) throw fail('LOADTEST_NO_LINK')
  const answer = await fetch(`${proxy.url}${path}`, { method, ...body === undefined ? {} : { body: JSON.stringify(body) } })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`toxiproxy answered ${method} ${path} with ${answer.status}: ${text}`)
  return text === '' ? null : JSON.parse(text)
}
