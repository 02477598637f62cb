import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const script = join(import.meta.dirname, 'gateway.sh')
/** Says where it was started, and stays until it is told to go. */
const stand = "process.stdout.write(process.env.FIRN_GATEWAY_SPOOL_DIR); process.stdin.resume()"

t.test('gateways of one volume have a spool each, and the next one takes over what one left', async t => {
  const root = t.testdir({ 'stand.cjs': stand })
  const running: ChildProcess[] = []
  t.teardown(() => { for (const child of running) child.kill('SIGKILL') })
  const start = async (slots = 2): Promise<{ child: ChildProcess, said: string }> => {
    const child = spawn('sh', [script, join(root, 'stand.cjs')], { env: { PATH: process.env.PATH, GATEWAY_ROOT: join(root, 'data'), GATEWAY_SLOTS: String(slots) } })
    running.push(child)
    const [said] = await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data')]) as [Buffer]
    return { child, said: said.toString() }
  }
  const first = await start()
  const second = await start()
  t.equal(first.said, join(root, 'data/1/spool'))
  t.equal(second.said, join(root, 'data/2/spool'))
  t.match((await start()).said, /all 2 slots .* are held by other gateways/)
  const gone = once(first.child, 'exit')
  first.child.kill('SIGKILL')
  await gone
  t.equal((await start()).said, first.said, 'what was left is where the next one begins')
})

t.test('what an earlier version left in the one spool is drained by a slot, and never put on top of another', async t => {
  const root = t.testdir({ 'stand.cjs': stand, data: { spool: { log: { 'data.mdb': 'waiting' } } } })
  const start = async (): Promise<{ child: ChildProcess, said: string, warned: string }> => {
    const child = spawn('sh', [script, join(root, 'stand.cjs')], { env: { PATH: process.env.PATH, GATEWAY_ROOT: join(root, 'data') } })
    let warned = ''
    child.stderr.on('data', (text: Buffer) => { warned += text.toString() })
    const [said] = await once(child.stdout, 'data') as [Buffer]
    return { child, said: said.toString(), warned }
  }
  const end = async (child: ChildProcess): Promise<void> => {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const first = await start()
  t.match(first.warned, /is drained as .*data\/1\/spool/)
  t.equal(readFileSync(join(first.said, 'log/data.mdb'), 'utf8'), 'waiting')
  await end(first.child)
  mkdirSync(join(root, 'data/spool'))
  const again = await start()
  t.match(again.warned, /nothing drains .*data\/spool/)
  t.equal(readFileSync(join(again.said, 'log/data.mdb'), 'utf8'), 'waiting')
  await end(again.child)
})
