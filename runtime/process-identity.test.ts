import t from 'tap'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { identityOf, isRunning } from './process-identity.ts'

t.test('a process is running until it has ended, and its id alone does not name it', async t => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  const identity = identityOf(child.pid!)
  t.ok(isRunning(identity))
  t.equal(isRunning({ ...identity, started: '1' }), identity.started === null, 'the same id, started at another time, is another process')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.notOk(isRunning(identity))
})

t.test('a first thread that has ended before the others does not end the process: they keep its ports', { skip: identityOf(process.pid).started === null || spawnSync('python3', ['--version']).status !== 0 }, async t => {
  // libc's pthread_exit in the first thread leaves it as a zombie beside a thread that goes on.
  const child = spawn('python3', ['-c', `
import ctypes, threading, sys
threading.Thread(target=sys.stdin.read).start()
print('ready', flush=True)
ctypes.CDLL(None).pthread_exit(None)
`])
  const identity = identityOf(child.pid!)
  await once(child.stdout, 'data')
  await new Promise(resolve => setTimeout(resolve, 100))
  t.ok(isRunning(identity))
  child.stdin.end()
  await once(child, 'exit')
  t.notOk(isRunning(identity))
})
