// `npm run servers [names]`: starts the set of docker-compose.yml on this machine, without Docker, and prints where it
// is and the settings for it; `npm run servers:stop [names]` ends what was started here, by pid and nothing else.
// The servers go on when the command ends. What they keep is under data/servers/<name>; started again they have it again.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { complain, isRunning, sentenceOf, show, type ProcessIdentity } from '../../runtime/index.ts'
import { fail } from './errors.ts'
import { serverNames, stopServer, type ServerName } from './index.ts'
import { productSettings } from './product-settings.ts'
import { startSet, withNeeds } from './set.ts'

const usualPorts: Record<ServerName, number> = { kafka: 9092, s3: 7070, 'iceberg-rest': 8182, trino: 8080, nessie: 19120, glue: 5001, toxiproxy: 8474 }
const usualSet: ServerName[] = ['kafka', 's3', 'iceberg-rest', 'trino']
const dir = resolve(process.env.FIRN_DATA_DIR ?? 'data', 'servers')
const envFile = join(dir, 'servers.env')
const usage = `npm run servers [-- NAME[=PORT] …]   starts ${usualSet.join(', ')}, or what is named: ${serverNames.join(', ')}
npm run servers:stop [-- NAME …]     ends them`

interface Note extends ProcessIdentity { readonly port: number, readonly url: string }

const words = process.argv.slice(2)
try {
  if (words.includes('--help')) show(usage.split('\n'))
  else if (words[0] === 'stop') await stop(words.slice(1))
  else await start(words)
} catch (error) {
  complain(`firn: ${sentenceOf(error)}`)
  process.exitCode = 1
}

async function start (words: readonly string[]): Promise<void> {
  const ports: Partial<Record<ServerName, number>> = { ...usualPorts }
  const named = words.map(word => {
    const [name = '', port] = word.split('=')
    if (!isName(name)) throw fail('SERVER_UNKNOWN', { name, known: serverNames.join(', ') })
    if (port !== undefined) ports[name] = Number(port)
    return name
  })
  const wanted = withNeeds(named.length === 0 ? usualSet : named)
  const running = wanted.filter(name => isAlive(noteOf(name)))
  if (running.length > 0) complain(`${running.join(', ')}: already running; to start the set anew: npm run servers:stop`)
  if (running.length < wanted.length) {
    if (running.length > 0) throw fail('SERVER_SET_PARTLY_RUNNING', { running: running.join(', '), missing: wanted.filter(name => !running.includes(name)).join(', ') })
    complain('firn: fetching what is missing (the first time up to some minutes), then starting …')
    const abort = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { complain('stopping what was started …'); abort.abort(new Error('interrupted')) })
    await startSet(wanted, { dir, ports, keep: true, signal: abort.signal, onReady: (server, ms) => { complain(`  ${server.name} is ready after ${(ms / 1000).toFixed(1)} s`) } })
  }
  report()
}

async function stop (words: readonly string[]): Promise<void> {
  const names = words.length === 0 ? serverNames : words.filter(isName)
  const running = names.flatMap(name => { const note = noteOf(name); return isAlive(note) ? [{ name, note }] : [] })
  await Promise.all(running.map(async ({ name, note }) => {
    await stopServer(note)
    rmSync(join(dir, name, `${name}.pid`), { force: true })
  }))
  show(running.length === 0 ? 'no server of this folder is running' : `stopped ${running.map(one => one.name).join(', ')}; what they keep stays in ${relative('.', dir)}`)
}

/** The table of what runs, and the settings for it, in a file as well. */
function report (): void {
  const alive = serverNames.flatMap(name => { const note = noteOf(name); return isAlive(note) ? [{ name, ...note }] : [] })
  const width = Math.max(...alive.map(one => one.url.length))
  show(['', `${'server'.padEnd(14)}${'address'.padEnd(width + 3)}pid`])
  for (const { name, url, pid } of alive) show(`${name.padEnd(14)}${url.padEnd(width + 3)}${pid}`)
  const settings = Object.entries(productSettings(Object.fromEntries(alive.map(one => [one.name, one.url]))))
  const text = settings.map(([name, value]) => `${name}=${value}`).join('\n')
  writeFileSync(envFile, `# Settings of firn for the servers that npm run servers started. Keys of a test server on loopback: no secrets.\n${text}\n`, { mode: 0o600 })
  show(['', ...text.split('\n'), '', `to use them in this shell:  set -a; . ${relative('.', envFile)}; set +a; npm start`, `logs: ${relative('.', dir)}/NAME/NAME.log      to end them: npm run servers:stop`])
}

function noteOf (name: ServerName): Note | undefined {
  const file = join(dir, name, `${name}.pid`)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Note : undefined
}

function isAlive (note: Note | undefined): note is Note {
  return note !== undefined && isRunning(note)
}

function isName (word: string): word is ServerName {
  return (serverNames as string[]).includes(word)
}
