import t from 'tap'
import { readFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { contract, contractVersion } from './contract.ts'
import type { Contract, EventType } from './contract.ts'
import { findBreaks } from './compatibility.ts'
import { integer, text } from './kinds.ts'
import { lockOf } from './lock.ts'
import type { ContractLock, LockedField } from './lock.ts'

const published = lockOf(contract)

/** What happens when the contract's lock is edited. */
function breaksOf (edit: (lock: ContractLock) => void): string[] {
  const lock = structuredClone(published)
  edit(lock)
  return findBreaks(published, lock)
}

function change (path: string, change: Partial<LockedField>): (lock: ContractLock) => void {
  return lock => { lock.fields[path] = { ...lock.fields[path]!, ...change } }
}

function withField (name: string, field: Contract['fields'][string], required = false): Contract {
  const add = (type: EventType): EventType => ({ ...type, fields: [...type.fields, name], required: required ? [...type.required, name] : type.required })
  return { ...contract, fields: { ...contract.fields, [name]: field }, eventTypes: contract.eventTypes.map(add) }
}

t.test('the lock file and the OpenAPI document in the repository are fresh', async t => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [main, '--check'], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  t.same(JSON.parse(readFileSync(new URL('./contract.lock.json', import.meta.url), 'utf8')), published)
  t.equal(spawnSync(process.execPath, [main, '--chekc'], { encoding: 'utf8' }).status, 1)
})

t.test('adding an optional field or an event type, widening and relaxing are allowed', async t => {
  t.same(findBreaks(published, published), [])
  t.same(findBreaks(published, lockOf(withField('loyalty', integer('', { since: contractVersion + 1 })))), [])
  t.same(breaksOf(lock => { lock.types['wishlist_shared'] = { fields: { url: 'optional' }, defaults: {} } }), [])
  t.same(breaksOf(change('amount', { type: 'decimal(20, 2)' })), [])
  t.same(breaksOf(lock => { lock.types['order_created']!.fields['order_id'] = 'optional' }), [])
  t.same(breaksOf(change('event_id', { charsMax: 256 })), [])
  t.same(breaksOf(change('order_status', { oneOf: [...published.fields['order_status']!.oneOf!, 'ON_HOLD'] })), [])
  const narrow = structuredClone(published)
  narrow.fields['quantity']!.type = 'int'
  narrow.fields['location.latitude']!.type = 'float'
  t.same(findBreaks(narrow, published), [])
})

t.test('a default is taken back in a version of its own, and never given or changed', async t => {
  const before = structuredClone(published)
  before.types['payment_captured']!.defaults['currency'] = 'USD'
  before.version = 1
  t.same(findBreaks(before, published), [], 'payments take their order\'s currency')
  t.match(findBreaks({ ...before, version: 2 }, published), [/default of currency from USD to none since 2/], 'not in a version that is out')
  t.match(breaksOf(lock => { lock.types['payment_captured']!.defaults['currency'] = 'USD' }), [/from none since 2 to USD/])
  t.match(breaksOf(lock => { delete lock.types['payment_captured']!.defaults['currency'] }), [/from none since 2 to none/], 'and it is remembered')
})

t.test('what breaks a sender or a table is refused with its reason', async t => {
  const refused: [string, (lock: ContractLock) => void, RegExp][] = [
    ['remove', lock => { delete lock.fields['title'] }, /^field title was removed or renamed/],
    ['rename', lock => { lock.fields['page_title'] = { ...lock.fields['title']!, since: 2, column: 'page_title' }; delete lock.fields['title'] }, /^field title was removed or renamed/],
    ['narrow a number', change('quantity', { type: 'int' }), /^field quantity changed from long to int: .* only be widened/],
    ['narrow a decimal', change('amount', { type: 'decimal(10, 2)' }), /only be widened/],
    ['change a scale', change('amount', { type: 'decimal(20, 3)' }), /Iceberg widens only/],
    ['re-type', change('user_id', { type: 'long' }), /^field user_id changed from string to long: Iceberg widens only/],
    ['move a column', change('timestamp', { column: 'occurred_at' }), /column event_time/],
    ['make a field required', change('session_id', { required: true }), /became required/],
    ['make a field required on a type', lock => { lock.types['order_created']!.fields['customer_id'] = 'required' }, /order_created makes customer_id required/],
    ['remove a type', lock => { delete lock.types['search'] }, /^event type search was removed/],
    ['take a field from a type', lock => { delete lock.types['search']!.fields['url'] }, /search no longer declares url/],
    ['give an old field to an old type', lock => { lock.types['search']!.fields['category'] = 'optional' }, /search now declares category/],
    ['narrow an enum', change('order_status', { oneOf: ['NEW'] }), /no longer takes CANCELLED/],
    ['add an enum', change('currency', { oneOf: ['USD'] }), /narrowed to a list/],
    ['shorten', change('event_id', { charsMax: 64 }), /narrowed to 64/],
    ['add a pattern', change('session_id', { pattern: '^s-' }), /pattern/],
    ['change a default', lock => { lock.types['order_created']!.defaults['currency'] = 'EUR' }, /default of currency from USD to EUR/],
    ['change a version', change('title', { since: 2 }), /version/],
    ['add a field to a group', lock => { lock.fields['device.model'] = { column: 'model', type: 'string', since: 2, required: false } }, /inside a group/],
    ['take a column', lock => { lock.fields['time'] = { column: 'event_time', type: 'timestamptz', since: 2, required: false } }, /belongs to timestamp/]
  ]
  for (const [what, edit, reason] of refused) t.ok(breaksOf(edit).some(sentence => reason.test(sentence)), what)
})

t.test('a new field must be optional and carry a new version', async t => {
  t.match(findBreaks(published, lockOf(withField('loyalty', text('', { since: 1 })))), [/must be 3 or more, not 1/])
  t.match(findBreaks(published, lockOf(withField('loyalty', text('', { since: contractVersion + 1 }), true)))[0], /makes loyalty required/)
})
