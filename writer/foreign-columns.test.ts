// The table is not ours alone: other engines change columns while the line runs. Every accepted event is one row with its
// values, or the table halts with an advice that can be carried out.

import t from 'tap'
import { currentSchema, type NestedField } from '../catalog/index.ts'
import { adversaryBefore } from './adversary.ts'
import { change, drop, full, order, rename, setFields, setSpec } from './foreign-hands.ts'
import { openLine, pageView, type Line } from './started-line.ts'

/** What is used of a test. */
type Tap = Pick<typeof t, 'ok' | 'notOk' | 'equal' | 'not' | 'same' | 'match' | 'fail' | 'rejects'>

const isolated = (name: string, run: (t: Tap, line: Line) => Promise<void>): void => {
  void t.test(name, async t => {
    const line = await openLine(t.testdir({}))
    t.teardown(async () => { await line.close() })
    await run(t, line)
  })
}

isolated('a column that another engine renamed goes on getting its values', async (t, line) => {
  await line.send([{ value: pageView('r0', full) }])
  await line.drain()
  await setFields(line, rename('referrer', 'ref_url'))
  await setFields(line, fields => fields.map(field => field.name === 'location' && typeof field.type !== 'string' && field.type.type === 'struct' ? { ...field, name: 'place' } : field))
  await line.send([{ value: pageView('r1', full) }])
  await line.drain()
  t.match(await line.query('SELECT event_id, ref_url, place FROM events ORDER BY 1'), ['r0', 'r1'].map(event_id => ({ event_id, ref_url: full.referrer, place: { city: 'Bonn', country: 'DE' } })))
  t.notOk(currentSchema((await line.table('events')).metadata).fields.some(({ name }) => name === 'referrer' || name === 'location'), 'and none is made under the old name')
})

isolated('ids are found under whatever name they have: no event twice', async (t, line) => {
  await line.send([{ value: pageView('same') }])
  await line.drain()
  for (const name of ['event_id', 'received_at', 'log_topic', 'event_type', 'event_time']) await setFields(line, rename(name, `their_${name}`))
  for (const name of ['log_offset', 'reason']) await setFields(line, rename(name, `their_${name}`), 'dead_letters')
  await line.send([{ value: pageView('same') }, { value: pageView('other') }, { value: 'no event' }])
  await line.drain()
  t.same(await line.query('SELECT their_event_id FROM events ORDER BY 1'), [{ their_event_id: 'other' }, { their_event_id: 'same' }])
  t.same(await line.query('SELECT their_reason FROM dead_letters ORDER BY 1'), [{ their_reason: 'WRITER_RECORD_NOT_JSON' }, { their_reason: 'duplicate' }])
})

isolated('a dropped column is added again, and what is needed to tell rows apart comes back', async (t, line) => {
  await line.send([{ value: pageView('d0', full) }])
  await line.drain()
  const before = currentSchema((await line.table('events')).metadata).fields
  for (const name of ['title', 'event_id', 'log_offset']) await setFields(line, drop(name))
  await line.send([{ value: pageView('d0', full) }, { value: pageView('d1', full) }])
  await line.drain()
  t.same(await line.query('SELECT event_id, title, log_offset IS NOT NULL AS placed FROM events ORDER BY 1'), [{ event_id: 'd0', title: null, placed: true }, { event_id: 'd1', title: 'T', placed: true }], 'what was dropped stays dropped, what is accepted is kept')
  const idOf = (fields: readonly NestedField[], name: string): number | undefined => fields.find(field => field.name === name)?.id
  const after = currentSchema((await line.table('events')).metadata).fields
  t.equal(idOf(after, 'event_id'), idOf(before, 'event_id'))
  t.not(idOf(after, 'title'), idOf(before, 'title'))
})

isolated('columns of others: widened ones are followed, those with a default get it, others are null', async (t, line) => {
  await line.send([{ value: order('w0') }])
  await line.drain()
  await setFields(line, (fields, id) => [
    ...fields.map(field => field.name === 'amount' ? { ...field, type: 'decimal(20, 2)' as const } : field.name === 'log_partition' ? { ...field, type: 'long' as const } : field).reverse(),
    { id, name: 'note', required: false, type: 'string' }
  ])
  await line.send([{ value: order('w1') }])
  await line.drain()
  t.same(await line.query('SELECT event_id, amount, log_partition IS NOT NULL AS placed, note FROM events ORDER BY 1'), ['w0', 'w1'].map(event_id => ({ event_id, amount: '13.35', placed: true, note: null })))
})

isolated('a change between the files and the commit: the batch is written anew, whichever way it comes', async (t, line) => {
  await line.send([{ value: pageView('m0', full) }])
  await line.drain()
  const catalog = adversaryBefore(line.catalog)
  const hits: string[] = []
  catalog.before = async id => {
    if (id.name !== 'events' || hits.length > 2) return
    hits.push(id.name)
    // The last of them does not move the schema's name alone: files of the old one would lie in no partition of it.
    if (hits.length === 1) await setFields(line, rename('referrer', 'ref_url'))
    else if (hits.length === 2) await setFields(line, drop('title'))
    else await setSpec(line, [['user_id', 'identity', 'user'], ['event_type', 'identity', 'event_type'], ['event_time', 'day', 'event_date']])
  }
  await line.send([{ value: pageView('m1', full) }, { value: pageView('m1', full) }])
  await line.drain({ catalog })
  t.same(await line.query('SELECT event_id, ref_url, title FROM events ORDER BY 1'), [{ event_id: 'm0', ref_url: full.referrer, title: null }, { event_id: 'm1', ref_url: full.referrer, title: 'T' }])
  t.same(await line.query('SELECT count(*)::INT AS n FROM dead_letters'), [{ n: 1 }])
})

isolated('what cannot be followed halts that table with an advice, and its carrying out is enough', async (t, line) => {
  await line.send([{ value: order('h0') }])
  await line.drain()
  const halts: [string, RegExp, () => Promise<void>, () => Promise<void>][] = [
    ['a required column', /firn\.events cannot be written.*must required.*What helps: make column must optional/,
      async () => { await setFields(line, (fields, id) => [...fields, { id, name: 'must', required: true, type: 'string' }]) },
      async () => { await setFields(line, fields => fields.map(field => field.name === 'must' ? { ...field, required: false } : field)) }],
    ['a column made anew with another type', /quantity \(field \d+\) was dropped.*What helps: rename column quantity/,
      async () => { await setFields(line, drop('quantity')); await setFields(line, (fields, id) => [...fields, { id, name: 'quantity', required: false, type: 'string' }]) },
      async () => { await setFields(line, rename('quantity', 'their_quantity')) }],
    ['a partition transform of a later release', /zorder.*What helps: remove partition field z/,
      async () => { await setSpec(line, [['event_type', 'identity', 'event_type']]); await change(line, 'events', () => [{ 'action': 'set-properties', 'updates': { 'write.location-provider.impl': 'zorder' } }]) },
      async () => { await change(line, 'events', () => [{ 'action': 'remove-properties', 'removals': ['write.location-provider.impl'] }]) }]
  ]
  for (const [i, [what, sentence, hurt, carryOut]] of halts.entries()) {
    await hurt()
    await line.send([{ value: order(`h${i + 1}`) }])
    await t.rejects(line.drain(), { code: 'WRITER_TABLE_HALTED', message: what.startsWith('a partition') ? /zorder.*What helps: remove the property/ : sentence }, what)
    await carryOut()
    await line.drain()
    t.same(await line.query('SELECT count(*)::INT AS n, count(quantity)::INT AS q FROM events WHERE event_id = \'h' + String(i + 1) + '\''), [{ n: 1, q: 1 }], `${what}: nothing is lost`)
  }
})

