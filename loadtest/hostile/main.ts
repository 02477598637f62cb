// `npm run test:hostile`: the attack kit. The real line (`npm start`, in a folder and on ports of its own) is played against
// as strangers would: web pages, file tricks, slow and unfinished requests, floods, odd values, texts that turn on who reads
// them. Each attack has to do no harm. Times are printed, never judged. Ends with `N passed, N failed`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sentenceOf, until } from '../../runtime/index.ts'
import { startNpmLine } from '../npm-line.ts'
import { createTally } from '../tally.ts'
import { readHostileConfig } from './config.ts'
import { createGround, makeVictim, pictureOf, someEvent, type Ground } from './ground.ts'
import { playOddValues } from './odd-values.ts'
import { playOverload } from './overload.ts'
import { playPages } from './pages.ts'
import { playPlaces } from './places.ts'
import { playShownText } from './shown-text.ts'
import { playSlowClients } from './slow-clients.ts'
import { playTypesFlood } from './types-flood.ts'
import { peakBytes, servicesBelow } from './service-memory.ts'

const readyMsMax = 90_000
const rowMsMax = 60_000
const mebibyte = 1024 * 1024
/** Of gateway and catalog, which hold what strangers send. */
const residentBytesMax = 512 * mebibyte

const config = readHostileConfig()
const attacks: Readonly<Record<string, (ground: Ground) => Promise<void>>> = {
  pages: playPages,
  places: playPlaces,
  values: playOddValues,
  shown: playShownText,
  slow: playSlowClients,
  types: playTypesFlood,
  overload: async ground => { await playOverload(ground, { connections: config.connections, seconds: config.short ? 10 : 60 }) }
}
const chosen = config.only.length === 0 ? Object.keys(attacks) : config.only
const unknown = chosen.filter(name => !(name in attacks))
if (unknown.length > 0) {
  console.error(`test:hostile: there is no attack ${unknown.join(', ')}: it is one of ${Object.keys(attacks).join(', ')}`)
  process.exit(1)
}

const tally = createTally()
const dir = mkdtempSync(join(tmpdir(), 'firn-hostile-'))
const victimDir = makeVictim(join(dir, 'somebody-else'))
const before = pictureOf(victimDir)
const began = performance.now()
const line = await startNpmLine({ dataDir: join(dir, 'data'), readyMsMax })
const ground = createGround(line, tally, victimDir)
try {
  const services = servicesBelow(line.pid)
  for (const name of chosen) {
    const attack = attacks[name]!
    const startedAt = performance.now()
    tally.say(`── ${name}`)
    await attack(ground).catch((error: unknown) => { tally.check(`${name} came to its end`, false, sentenceOf(error)) })
    await seeUnharmed(ground, name)
    tally.say(`${name}: ${Math.round((performance.now() - startedAt) / 1000)} s`)
  }
  for (const look of ground.later) await look()
  tally.check('no input of a client was answered with a fault of ours', ground.faults.length === 0, ground.faults.slice(0, 5).join('; '))
  const now = servicesBelow(line.pid)
  tally.check('no service died', services.length === 4 && services.every(({ name, pid }) => now.some(each => each.name === name && each.pid === pid)), `${now.length} of ${services.length} are there`)
  for (const { name, pid } of services) {
    const peak = peakBytes(pid)
    const bound = name === 'gateway' || name === 'catalog' ? residentBytesMax : Infinity
    tally.check(`the memory of ${name} is bounded`, peak > 0 && peak <= bound, `${Math.round(peak / mebibyte)} MiB at most`)
  }
} catch (error) {
  tally.check('the run came to its end', false, sentenceOf(error))
} finally {
  ground.close()
  const code = await line.end()
  tally.check('Ctrl+C ends all of it', code === 0, `exit code ${code}`)
}
if (tally.failed === 0 && !config.keep) rmSync(dir, { recursive: true, force: true })
else tally.say(`data and logs: ${dir}`)
tally.say(`${Math.round((performance.now() - began) / 1000)} s`)
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)

/** The line takes an event and shows it as a row, every service answers, and what is not ours is as it was. */
async function seeUnharmed ({ send }: Ground, name: string): Promise<void> {
  const id = `after-${name}`
  const question = { sql: `select count(*) from firn.events where event_id = '${id}'` }
  let answer = 0
  await until(async () => (answer = (await send(line.gatewayUrl, '/v1/events', { method: 'POST', body: someEvent(id) })).status) === 202, rowMsMax).catch(() => {})
  tally.check(`after ${name} an event is taken`, answer === 202, String(answer))
  const landed = async (): Promise<boolean> => (await send(line.queryUrl, '/v1/query', { method: 'POST', body: question })).text.replaceAll('\n', '').includes('"rows":[["1"]]')
  tally.check(`after ${name} it is a row, once`, await until(landed, rowMsMax).then(() => true, () => false))
  const urls = [line.gatewayUrl, line.catalogUrl, line.writerUrl, line.queryUrl]
  const alive = await Promise.all(urls.map(async url => (await send(url, '/livez')).status))
  tally.check(`after ${name} every service answers`, alive.every(status => status === 200), alive.join(' '))
  tally.check(`after ${name} the files of somebody else are as they were`, pictureOf(victimDir) === before)
}
