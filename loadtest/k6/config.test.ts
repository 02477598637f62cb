import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isLoopback, k6Env, readLoadtestConfig } from './config.ts'
import { runK6 } from './run.ts'

t.test('without words the load is steady, against the gateway of this machine', async t => {
  t.match(readLoadtestConfig([]), { scenario: 'steady', url: 'http://127.0.0.1:8000', own: false })
  t.equal(readLoadtestConfig(['burst', '--rate', '50']).scenario, 'burst')
})

t.test('a load that does not exist is refused by naming those that do', async t => {
  t.throws(() => readLoadtestConfig(['stedy']), { code: 'LOADTEST_SCENARIO', message: /steady, burst, soak, bad-input/ })
  t.throws(() => readLoadtestConfig(['steady', 'burst']), { code: 'LOADTEST_CONTRADICTION' })
})

t.test('load goes to another host only when the sender says that it is theirs', async t => {
  t.throws(() => readLoadtestConfig(['--url', 'https://shop.example']), { code: 'LOADTEST_NOT_LOOPBACK', message: /--i-own-this-host/ })
  t.equal(readLoadtestConfig(['--url', 'https://shop.example', '--i-own-this-host']).url, 'https://shop.example')
})

t.test('names that only look like this machine are others', async t => {
  for (const url of ['http://localhost:8000', 'http://127.0.0.1', 'http://127.8.8.8:1', 'http://[::1]:8000']) t.ok(isLoopback(url), url)
  for (const url of ['http://127.0.0.1.example', 'http://localhost.example', 'http://0.0.0.0:8000', 'http://10.0.0.1', 'http://[::2]', 'not a url']) t.notOk(isLoopback(url), url)
})

t.test('the scripts are told only what was set, so that their own defaults hold', async t => {
  t.strictSame(k6Env(readLoadtestConfig(['--p95', '80']), 'http://127.0.0.1:1'), { URL: 'http://127.0.0.1:1', SEED: '1', P95_MS: '80' })
})

t.test('a write key reaches the scripts, and not the list of processes', async t => {
  const dir = t.testdir({})
  const program = join(dir, 'k6')
  // In k6's place: what it was started with, and the summary that it owes.
  writeFileSync(program, `#!/bin/sh
printf '%s\\n' "$*" > ${dir}/words
printf '%s' "$WRITE_KEY" > ${dir}/key
for word in "$@"; do case $word in SUMMARY=*) echo '{}' > "\${word#SUMMARY=}";; esac; done
: > ${dir}/ledger
`, { mode: 0o755 })
  await runK6({ k6: program, scenario: 'steady', run: 'r', ledgerFile: join(dir, 'ledger'), env: {}, key: 'k-web', quiet: true, print: false }).catch(() => undefined)
  t.equal(readFileSync(join(dir, 'key'), 'utf8'), 'k-web')
  t.notMatch(readFileSync(join(dir, 'words'), 'utf8'), /k-web/)
})
