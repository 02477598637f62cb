// The rules for Prometheus: promtool reads and fires them where it is installed (CI installs it); that none is without a case
// that fires it, without its words in docs/monitoring.md, or over instances summed up, is checked everywhere.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'

interface Rules { readonly groups: readonly { readonly rules: readonly { readonly alert: string, readonly expr: string }[] }[] }
interface Cases { readonly tests: readonly { readonly alert_rule_test: readonly { readonly alertname: string, readonly exp_alerts: readonly unknown[] }[] }[] }

const read = (name: string): string => readFileSync(join(import.meta.dirname, name), 'utf8')
const rules = (parse(read('rules.yml')) as Rules).groups.flatMap(({ rules }) => rules)

const run = async (...args: string[]): Promise<{ code: number | 'ENOENT', said: string }> => {
  try {
    const { stdout, stderr } = await promisify(execFile)('promtool', args, { cwd: import.meta.dirname })
    return { code: 0, said: stdout + stderr }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code: number | 'ENOENT', stdout?: string, stderr?: string }
    return { code, said: stdout + stderr }
  }
}

t.test('promtool takes the rules and the scrape configuration, and each rule fires on its case and on no other', async t => {
  const { code, said } = await run('check', 'rules', 'rules.yml')
  if (code === 'ENOENT') {
    t.comment('promtool is not installed (apt install prometheus): the rules are not fired here')
    return
  }
  t.equal(code, 0, said)
  t.match(await run('check', 'config', 'prometheus.yml'), { code: 0 })
  t.match(await run('test', 'rules', 'rules.unit.yml'), { code: 0 })
})

t.test('every rule has a case that fires it, and its words for who is woken by it', async t => {
  const fired = new Set((parse(read('rules.unit.yml')) as Cases).tests.flatMap(test => test.alert_rule_test).filter(({ exp_alerts: expected }) => expected.length > 0).map(({ alertname }) => alertname))
  t.strictSame(rules.map(({ alert }) => alert).filter(alert => !fired.has(alert)), [])
  const page = readFileSync(join(import.meta.dirname, '../../docs/monitoring.md'), 'utf8')
  const told = [...page.matchAll(/^\| `(Firn\w+)` \|/gm)].map(([, alert]) => alert)
  t.strictSame([...told].sort(), rules.map(({ alert }) => alert).sort())
})

t.test('no rule adds up what several instances say, but for the events of a key', async t => {
  for (const { alert, expr } of rules) {
    for (const [, by] of expr.matchAll(/\b(?:sum|avg|max|min)(?:\s+by\s*\(([^)]*)\))?\s*\(/g)) t.match(by ?? '', /\b(instance|key)\b/, `${alert} looks at each`)
  }
})
