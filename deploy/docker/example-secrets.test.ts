import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const script = join(import.meta.dirname, 'example-secrets.mjs')
const example = readFileSync(join(import.meta.dirname, 'env.example'), 'utf8')
const copied = Object.fromEntries(example.split('\n').filter(line => /^[A-Z]/.test(line)).map(line => line.split(/=(.*)/s).slice(0, 2) as [string, string]))
const secrets = Object.keys(copied).filter(name => copied[name]!.includes('change-me'))
const own = Object.fromEntries(secrets.map((name, i) => [name, `own-value-number-${i}`]))
const start = (env: Record<string, string>): { status: number | null, stderr: string } =>
  spawnSync(process.execPath, [script], { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' })

t.test('a copied example file does not start, and each variable is named without its value', async t => {
  const { status, stderr } = start(copied)
  t.equal(status, 1)
  for (const name of secrets) t.match(stderr, name)
  t.notMatch(stderr, /change-me/)
})

t.test('one example among values of one\'s own is enough to refuse, also under another name or rate of a key', async t => {
  for (const name of secrets) t.match(start({ ...own, [name]: copied[name]! }), { status: 1, stderr: name })
  t.match(start({ ...own, GATEWAY_WRITE_KEYS: 'shop:my-own-key-of-the-shop,app:change-me-too:500' }), { status: 1 })
  t.match(start({ ...own, QUERY_KEYS: '' }), { status: 1 })
})

t.test('values of one\'s own start', async t => {
  t.equal(secrets.length, 4)
  t.equal(start({ ...copied, ...own }).status, 0)
})
