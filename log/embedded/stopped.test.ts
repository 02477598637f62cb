// Processes that do not move: one that was stopped with the write lock in its hands, and readers that have nothing to read.

import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { record } from '../behaviour.ts'
import { openLog } from '../index.ts'
import { collectLines, startAdversary } from './adversary-process.ts'

const topic = 'events'

t.test('a stopped process that holds the write lock: appends end at their deadline, the event loop lives, and later it goes on', async t => {
  const folder = t.testdir()
  const log = await openLog(pathToFileURL(folder).href, { appendMsMax: 250 })
  await log.ensureTopic(topic)
  const holder = startAdversary(t, 'hold', folder)
  await collectLines(holder).lines(1)
  await new Promise(resolve => setTimeout(resolve, 50))
  let turns = 0
  const turning = setInterval(() => { turns++ }, 10)
  const began = performance.now()
  await t.rejects(log.append([record(topic, 'k', 'v')]), { code: 'LOG_TIMEOUT', retryable: true, httpStatus: 503 })
  const tookMs = performance.now() - began
  t.ok(tookMs > 200 && tookMs < 1500, `answered after ${tookMs} ms`)
  t.ok(turns > 10, 'timers ran meanwhile')
  await t.rejects(log.append([record(topic, 'k', 'w')]), { code: 'LOG_TIMEOUT' })
  await t.rejects(log.checkReady(), { code: 'LOG_TIMEOUT' })
  clearInterval(turning)
  await t.rejects(openLogElsewhere(folder), /LOG_LOCKED .*process \d+ is stopped/, 'opening says who holds it')
  holder.kill('SIGCONT')
  await new Promise(resolve => setTimeout(resolve, 300))
  await log.append([record(topic, 'k', 'after')])
  await log.checkReady()
  await log.close()
})

t.test('a stopped reader that pins old pages: the file stays bounded and the refusal names the process', async t => {
  const folder = t.testdir()
  const bytesMax = 1024 * 1024
  const log = await openLog(pathToFileURL(folder).href, { bytesMax })
  await log.ensureTopic(topic)
  const holder = startAdversary(t, 'pin', folder)
  await collectLines(holder).lines(1)
  const cycle = async (): Promise<void> => {
    await log.append([record(topic, 'k', 'x'.repeat(100_000))])
    await log.acknowledge(topic, (await log.ranges(topic)).end)
  }
  await t.rejects(async () => { for (let i = 0; i < 400; i++) await cycle() }, { code: 'LOG_FULL', message: new RegExp(`process ${holder.pid} reads an old state`) })
  t.ok(statSync(join(folder, 'data.mdb')).size < 12 * bytesMax)
  holder.kill('SIGKILL')
  await once(holder, 'close')
  await new Promise(resolve => setTimeout(resolve, 100))
  for (let i = 0; i < 20; i++) await cycle()
  t.pass('when it is gone the log goes on')
  await log.close()
})

t.test('an idle reader costs next to nothing', async t => {
  const folder = t.testdir()
  const log = await openLog(pathToFileURL(folder).href)
  await log.ensureTopic(topic)
  const output = collectLines(startAdversary(t, 'idle', folder, '1200'))
  const cpuMs = Number((await output.end())[0])
  t.ok(cpuMs < 24, `${cpuMs} ms of CPU in 1200 ms (2 %; measured alone it is below 0.3 %)`)
  await log.close()
})

async function openLogElsewhere (folder: string): Promise<void> {
  const script = `const { openLog } = await import(${JSON.stringify(new URL('../index.ts', import.meta.url).href)})
try { await openLog(${JSON.stringify(pathToFileURL(folder).href)}) } catch (error) { process.stderr.write(error.code + ' ' + error.message); process.exit(1) }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', chunk => { text += String(chunk) })
  const code = await new Promise(resolve => child.on('close', resolve))
  if (code !== 0) throw new Error(text)
}
