import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
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
