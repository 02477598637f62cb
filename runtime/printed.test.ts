// A command's last lines reach its reader, however slow that is.

import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const runtime = join(import.meta.dirname, 'index.ts')
const bytes = 3_000_000

async function run (stream: 'stdout' | 'stderr', isReaderGone = false): Promise<{ length: number, code: number | null }> {
  const program = `
    import { exitWhenPrinted } from ${JSON.stringify(runtime)}
    process.stdout.on('error', () => undefined)
    process.exitCode = 7
    process.${stream}.write('x'.repeat(${bytes}))
    await exitWhenPrinted()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
  let length = 0
  if (isReaderGone) child[stream].destroy()
  else child[stream].on('data', (chunk: Buffer) => { length += chunk.length })
  const [code] = await once(child, 'close') as [number | null]
  return { length, code }
}

t.test('all that was printed is read, and the exit code is the one that was set', async t => {
  t.strictSame(await run('stdout'), { length: bytes, code: 7 })
  t.strictSame(await run('stderr'), { length: bytes, code: 7 })
})

t.test('a reader that is gone holds nobody', async t => {
  t.strictSame(await run('stdout', true), { length: 0, code: 7 })
})
