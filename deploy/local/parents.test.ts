// The line ends in order when the npm above it is gone, whatever ended it.

import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findParents } from './parents.ts'

t.test('without npm above it, a line looks for nobody', t => {
  t.strictSame(findParents({}), [])
  t.strictSame(findParents({ npm_lifecycle_event: 'start' }, 1), [])
  t.end()
})

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGHUP'] as const) {
  t.test(`npm ended by ${signal} alone does not leave the line behind`, async t => {
    const dir = t.testdir()
    const line = join(dir, 'line.ts')
    writeFileSync(line, `
      import { findParents, watchParents } from ${JSON.stringify(join(import.meta.dirname, 'parents.ts'))}
      const parents = findParents()
      console.log(JSON.stringify({ parents: parents.length }))
      setInterval(() => {}, 1000)
      watchParents(parents, () => { console.log('ended in order'); process.exit(0) })`)
    // A shell between them that waits, as npm has one.
    const npm = join(dir, 'npm')
    writeFileSync(npm, `import { spawn } from 'node:child_process'\nspawn('sh', ['-c', ${JSON.stringify(`"${process.execPath}" "${line}"; true`)}], { stdio: 'inherit' })\nsetInterval(() => {}, 1000)`)
    const child = spawn('env', ['-i', 'npm_lifecycle_event=start', process.execPath, npm], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8')
    for await (const text of child.stdout) {
      said += String(text)
      if (said.includes('"parents"') && !child.killed) child.kill(signal)
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    t.match(said, /"parents":[1-9]/)
    t.match(said, /ended in order/)
  })
}
