// Nothing that is shown can forge a line or move the cursor.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ESLint } from 'eslint'
import t from 'tap'
import { sentenceOf } from './service.ts'
import { shownLine } from './shown.ts'

const root = join(import.meta.dirname, '..')

t.test('escapes, line ends, C1 codes and marks of direction are shown as what they are; everything else is untouched', t => {
  t.equal(shownLine('no such table \u001b[2K\rALERT fraud: none\nALERT'), 'no such table \\u001b[2K\\u000dALERT fraud: none\\u000aALERT')
  t.equal(shownLine('\u009b31m \u0007 \u2028 \u202e x \u2066 \u0000'), '\\u009b31m \\u0007 \\u2028 \\u202e x \\u2066 \\u0000')
  t.equal(shownLine('Größe 大 🛒 – "ok" \\'), 'Größe 大 🛒 – "ok" \\')
  t.equal(sentenceOf(new Error('refused: \u001b]0;title\u0007 \n next')), 'refused: \\u001b]0;title\\u0007 next')
  t.end()
})

t.test('what is shown is one line each, whatever stands in it, on both ways out', async t => {
  const program = `
    import { complain, show } from ${JSON.stringify(join(import.meta.dirname, 'shown.ts'))}
    show('order \\u001b[2K\\rALERT forged\\nALERT forged too')
    show(['two', 'lines \\u009b31m'])
    complain('a name \\u202egnp.exe')`
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  t.equal(stdout, 'order \\u001b[2K\\u000dALERT forged\\u000aALERT forged too\ntwo\nlines \\u009b31m\n')
  t.equal(stderr, 'a name \\u202egnp.exe\n')
})

t.test('the lint lets nothing print past it', async t => {
  const eslint = new ESLint({ cwd: root })
  for (const [path, code] of [
    ['analytics/fraud/backtest/report.ts', 'process.stdout.write(String(1))'], ['deploy/local/doctor.ts', 'console.log(1)'], ['loadtest/generate/main.ts', 'process.stderr.write(String(1))'],
    ['analytics/fraud/trained/main.ts', 'const out = process.stdout.write'], ['deploy/local/docs.ts', 'console.error(1)']
  ] as const) {
    const [result] = await eslint.lintText(`${code}\n`, { filePath: join(root, path) })
    t.match(result!.messages.find(({ ruleId }) => ruleId === 'no-restricted-syntax')?.message ?? '', /show or complain/, path)
  }
})
