// Values: what the contract accepted is what the row holds, through the real log and the real engine.

import t from 'tap'
import { pathToFileURL } from 'node:url'
import { openLog, type LogRecord, type RecordHeaders } from '../log/index.ts'
import { openEngine, type Engine } from './engine.ts'
import { contract } from '../openapi/index.ts'
import { Framer, shippedContract, type FramedContract } from './framer.ts'
import { parseBatch, readIds } from './pipeline.ts'

const now = Date.UTC(2026, 5, 15, 12)
const fromGateway: RecordHeaders = { received_at: String(now * 1000), ip: '10.1.2.3', user_agent: 'Mozilla/5.0 "quoted", \\ and more', source: 'gateway' }
const base = (more: object): string => JSON.stringify({ event_id: 'e1', event_type: 'page_view', timestamp: '2026-06-15T11:00:00Z', ...more })

type Row = Record<string, unknown>

t.test('the pipeline', async t => {
  const dir = t.testdir({})
  const engine = await openEngine({ memoryBytesMax: 512 * 1024 ** 2, stagingDir: dir, writers: 1 })
  t.teardown(() => { engine.close() })
  let batches = 0
  const read = async (values: (string | Buffer)[], headers: RecordHeaders = fromGateway, timestampMs = now): Promise<{ rows: Row[], framer: Framer }> => await readThrough(engine, `${dir}/${batches++}`, values, headers, timestampMs)
  const one = async (value: string | Buffer, headers?: RecordHeaders): Promise<Row> => {
    const { rows, framer } = await read([value], headers)
    t.equal(framer.misfits.length, 0, framer.misfits[0]?.error ?? '')
    return rows[0]!
  }

  t.test('a time of arrival that lies in the future is not believed', async t => {
    const { received_at: far } = await one(base({}), { ...fromGateway, received_at: '999999999999999999' })
    const { received_at: near } = await one(base({}), fromGateway)
    t.match(String(near), '2026-06-15 12:00:00')
    t.match(String(far), '2026-06-15', 'the log\'s own time counts')
  })

  t.test('what claims to come from the gateway lies within the window all the same, or is a dead letter', async t => {
    const times = ['infinity', '-infinity', '290000-01-01T00:00:00Z', '2100-01-01T00:00:00Z', '2026-06-15T14:00:01Z', '2026-06-08T11:59:59Z', '1970-01-01T00:00:00Z', '0044-03-15 (BC) 00:00:00Z', '290000-01-01 (BC) 00:00:00Z', 'epoch']
    const { rows } = await read([...times.map(timestamp => base({ timestamp })), base({ event_id: 'edge', timestamp: '2026-06-08T12:00:00Z' })])
    for (const row of rows.slice(0, -1)) t.match(row, { _reason: 'EVENT_TIMESTAMP_OUT_OF_WINDOW', _error: /60 minutes ahead and 7 days behind/ })
    t.match(rows.at(-1), { event_id: 'edge', _reason: null })
    t.match(await one(base({ timestamp: '2019-01-01T00:00:00Z' }), { ...fromGateway, source: 'import' }), { _reason: null }, 'history has no age')
    for (const timestamp of ['infinity', '-infinity', '0002-01-01 (BC) 00:00:00Z']) t.match((await read([base({ timestamp })], { ...fromGateway, source: 'import' })).rows[0], { _reason: 'EVENT_TIMESTAMP_OUT_OF_WINDOW' }, timestamp)
  })

  t.test('a record without the gateway\'s header is dated by the log, and a date that cannot be is none', async t => {
    for (const timestampMs of [0, -1, now + 2 * 3_600_000, Date.UTC(2100, 0), 8.7e15, 9e18]) {
      for (const headers of [{}, { ...fromGateway, received_at: '-5' }, { ...fromGateway, received_at: 'infinity' }]) {
        const { framer } = await read([base({ timestamp: '2100-01-01T00:00:00Z' }), base({})], headers, timestampMs)
        t.same(framer.misfits.map(({ reason, receivedUs }) => [reason, receivedUs]), Array(2).fill(['WRITER_RECORD_UNDATED', BigInt(now) * 1000n]), `${timestampMs}`)
      }
    }
    for (const timestampMs of [0, now + 2 * 3_600_000, Date.UTC(2100, 0)]) {
      const { rows, framer } = await read([base({ timestamp: '2100-01-01T00:00:00Z' }), base({})], { ...fromGateway, received_at: String(Date.UTC(2100, 0) * 1000) }, timestampMs)
      t.match(framer.misfits, [{ reason: 'EVENT_TIMESTAMP_OUT_OF_WINDOW', delta: 0 }], 'what a gateway took whose clock ran ahead is dated by ours')
      t.match(rows, [{ event_id: 'e1', _reason: null, received_at: '2026-06-15 12:00:00+00' }], 'and is a row where its own time can be')
    }
    const { framer } = await read([base({ timestamp: '2026-06-15T13:00:01Z' })], {}, now)
    t.match(framer.misfits, [{ reason: 'EVENT_TIMESTAMP_OUT_OF_WINDOW' }], 'and its events are held against that date')
  })

  t.test('what claims to come from the gateway may hold anything in any field: it is one row or one dead letter', async t => {
    const order = { event_id: 'e1', event_type: 'order_created', timestamp: '2026-06-15T11:00:00Z', order_id: 'o', quantity: 2, unit_price: '1.50', currency: 'EUR', own: 1 }
    const times = ['infinity', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '', '\u0000', '2026-06-15T11:00:00']
    const anything = [1, -1.5, 1e300, true, null, '', ' ', 'text', [], [1], {}, { a: { b: [null] } }, ...times]
    for (const name of Object.keys(contract.fields)) {
      const values = anything.map(value => JSON.stringify({ ...order, [name]: value }))
      for (const more of [{ extra: '1' }, {}]) {
        const { rows, framer } = await read(values, { ...fromGateway, ...more })
        t.equal(rows.length + framer.misfits.length, values.length, `${name} ${JSON.stringify(more)}`)
        t.same(framer.misfits.filter(({ reason }) => reason === 'WRITER_RECORD_UNREADABLE'), [], name)
      }
    }
    // A clock that is wrong by thousands of years corrects nothing.
    for (const timestamp of times) for (const sent_at of times) await read([JSON.stringify({ ...order, timestamp, sent_at })], { ...fromGateway, extra: '1' })
  })

  t.test('a record on which the contract itself fails is kept as a dead letter with the words; those beside it are rows', async t => {
    const failing: FramedContract = {
      ...shippedContract,
      checkEvent: (value, window) => { if (String(value).includes('bad')) throw new TypeError('planted'); return shippedContract.checkEvent(value, window) },
      findAside: (value, sent) => { if (String(value).includes('bad')) throw new RangeError('planted'); return shippedContract.findAside(value, sent) }
    }
    for (const headers of [{}, { ...fromGateway, extra: '1' }]) {
      const { rows, framer } = await readThrough(engine, `${dir}/${batches++}`, ['a', 'bad', 'b'].map(event_id => base({ event_id })), headers, now, failing)
      t.same(rows.map(({ event_id }) => event_id), ['a', 'b'])
      t.match(framer.misfits, [{ reason: 'WRITER_RECORD_UNREADABLE', error: /the writer failed on the record: .*planted/, delta: 1 }])
    }
  })

  t.test('times are instants in UTC, fractions cut to microseconds', async t => {
    for (const [sent, read] of [
      ['2026-06-15T11:00:00Z', '2026-06-15 11:00:00+00'], ['2026-06-15T13:00:00.1+02:00', '2026-06-15 11:00:00.1+00'],
      ['2026-06-15T11:00:00.123456999Z', '2026-06-15 11:00:00.123456+00'], ['2026-06-15t11:00:00z', '2026-06-15 11:00:00+00'], ['2026-06-14T23:30:00-01:30', '2026-06-15 01:00:00+00']
    ]) {
      const row = await one(base({ timestamp: sent }))
      t.equal(row._reason, null, sent ?? '')
      t.equal(row.event_time, read)
      t.equal(row._row_date, '2026-06-15')
    }
  })

  t.test('money is exact, whatever it was written as', async t => {
    for (const [sent, read] of [['12.1', '12.10'], ['"0.07"', '0.07'], ['9999999999999.99', '9999999999999.99'], ['"9999999999999999.99"', '9999999999999999.99'], ['-3', '-3.00']]) {
      const row = await one(`{"event_id":"m","event_type":"payment_captured","timestamp":"2026-06-15T11:00:00Z","payment_id":"p","order_id":"o","amount":${sent}}`)
      t.equal(row._reason, null)
      t.equal(row.amount, read)
      t.equal(row.currency, null, 'which its order says')
    }
  })

  t.test('orders default to quantity times unit price, clickstream does not', async t => {
    t.match(await one(base({ event_type: 'order_created', order_id: 'o', quantity: 3, unit_price: 19.99 })), { amount: '59.97', currency: 'USD', quantity: '3' })
    t.match(await one(base({ event_type: 'purchase', quantity: 3, unit_price: '19.99' })), { amount: null, currency: null })
  })

  t.test('a plain string is a region or a type, an object is itself', async t => {
    t.match(await one(base({ location: 'Bavaria', device: 'mobile' })), { location: { region: 'Bavaria', country: null }, device: { type: 'mobile' } })
    t.match(await one(base({ location: { country: 'DE', latitude: 48.1 } })), { location: { country: 'DE', region: null, latitude: 48.1 }, device: null })
    t.match(await one(base({ location: null, properties: { location: 'x' } })), { location: null })
  })

  t.test('texts keep every character, properties stay JSON', async t => {
    const row = await one(base({ title: 'größe 🚚 "quoted" \\ \u001f\ttab\nline', properties: { a: [1, { b: null }], ä: 'ö' } }))
    t.equal(row.title, 'größe 🚚 "quoted" \\ \u001f\ttab\nline')
    t.same(JSON.parse(row.properties as string), { a: [1, { b: null }], ä: 'ö' })
    t.equal(row.user_agent, fromGateway.user_agent)
  })

  t.test('what a type does not declare is kept as sent', async t => {
    const row = await one('{"event_id":"x","event_type":"page_view","timestamp":"2026-06-15T11:00:00Z","amount": 1.50, "loyalty":{"tier" : "gold"},"properties":{"a":1}}', { ...fromGateway, extra: '1' })
    t.equal(row.amount, null)
    t.equal(row.properties, '{"a":1,"$extra":{"amount":1.50,"loyalty":{"tier" : "gold"}}}')
    t.equal((await one(base({ event_type: 'own_type', order_id: 'o' }), { ...fromGateway, extra: '1' })).properties, '{"$extra":{"order_id":"o"}}')
    // A gateway of a later release knows more fields and calls none of them undeclared.
    t.equal((await one(base({ event_type: 'order_created', order_id: 'n', coupon_code: 'C1' }), { ...fromGateway, contract: '99' })).properties, '{"$extra":{"coupon_code":"C1"}}')
    const grouped = await one('{"event_id":"g","event_type":"page_view","timestamp":"2026-06-15T11:00:00Z","location":{"zip": 8001.0,"city":"Bern"},"device":{"pixels":[1,2]}}', { ...fromGateway, extra: '1' })
    t.equal(grouped.properties, '{"$extra":{"location":{"zip":8001.0},"device":{"pixels":[1,2]}}}', 'members that a group does not declare are kept under its name')
    t.match(grouped.location, { city: 'Bern' })
  })

  t.test('records of a direct producer are checked by the contract', async t => {
    t.equal((await one(base({ amount: 1.5 }), {})).properties, '{"$extra":{"amount":1.5}}')
    const { framer } = await read([base({ timestamp: '2020-01-01T00:00:00Z' }), base({ timestamp: 'yesterday' }), base({ url: 5 }), '[]', '', 'x'.repeat(70_000)], {})
    t.equal(framer.misfits.length, 6)
    t.equal(framer.lines, 0)
    t.equal((await read([base({ timestamp: '2020-01-01T00:00:00Z' })], { source: 'import' })).framer.misfits.length, 0, 'history has no age')
  })

  t.test('no value can break or forge a line', async t => {
    const forged = Buffer.from(`1\x1f0\x1f1\x1f\x1f\x1f1\x1f\x1f${base({ event_id: 'forged' })}`)
    const values = [base({ event_id: 'a' }), Buffer.concat([Buffer.from('{}\n'), forged]), forged, Buffer.from([0xff, 0xfe]), base({ event_id: 'b' }), '', 'a\rb', base({ event_id: 'c' }).replace(',', ',\r\n '), Buffer.from('{"event_id":"n\0"}')]
    const { rows, framer } = await read(values)
    t.same(rows.filter(row => row._reason === null).map(row => row.event_id), ['a', 'b', 'c'])
    t.equal(framer.lines + framer.misfits.length, values.length)
    for (const { delta, payload } of framer.misfits) t.same(payload, Buffer.from(values[delta]!), 'with its exact bytes')
  })

  t.test('a record of the gateway that is no event is routed, not lost', async t => {
    const { rows } = await read(['not json', '[1]', base({ event_id: '' }), base({ event_type: 'Bad' }), base({ timestamp: 'x' }), base({ event_type: 'order_created' }), base({ event_type: 'order_created', order_id: 'o', amount: 'much' })])
    t.same(rows.map(row => row._reason), ['WRITER_RECORD_NOT_JSON', 'WRITER_RECORD_NOT_AN_EVENT', 'WRITER_RECORD_NOT_AN_EVENT', 'WRITER_RECORD_NOT_AN_EVENT', 'WRITER_RECORD_NOT_AN_EVENT', 'WRITER_FIELD_MISSING', 'WRITER_VALUE_UNTYPABLE'])
    t.equal(rows[0]!._raw, 'not json')
  })

  t.test('ids come in the order of the log, though rows are sorted by time', async t => {
    const dir2 = `${dir}/ids`
    const { batch, framer } = await parse(engine, dir2, Array.from({ length: 5000 }, (_, i) => base({ event_id: `id-${i % 2500}`, timestamp: new Date(now - i * 1000).toISOString() })), fromGateway)
    const ids = await readIds(engine.main, batch)
    t.equal(ids.count, 5000)
    t.equal(new Set(ids.rows).size, 5000)
    t.equal(ids.seconds[0], now / 1000)
    t.same(ids.hashes.subarray(0, 3), ids.hashes.subarray(7500, 7503), 'same id, same hash')
    framer.discard()
  })
})

async function readThrough (engine: Engine, dir: string, values: (string | Buffer)[], headers: RecordHeaders, timestampMs: number, withContract = shippedContract): Promise<{ rows: Row[], framer: Framer }> {
  const { batch, framer } = await parse(engine, dir, values, headers, timestampMs, withContract)
  const rows = framer.lines === 0 ? [] : (await engine.main.runAndReadAll(`SELECT * FROM ${batch.table} ORDER BY log_offset`)).getRowObjectsJson() as Row[]
  framer.discard()
  return { rows, framer }
}

async function parse (engine: Engine, dir: string, values: (string | Buffer)[], headers: RecordHeaders, timestampMs = now, withContract = shippedContract): Promise<{ batch: Awaited<ReturnType<typeof parseBatch>>, framer: Framer }> {
  const { mkdirSync } = await import('node:fs')
  mkdirSync(dir, { recursive: true })
  const log = await openLog(pathToFileURL(`${dir}/log`).href, { partitions: 1 })
  await log.ensureTopic('t')
  await log.append(values.map((value): LogRecord => ({ topic: 't', key: 'k', value: Buffer.from(value), headers, timestampMs })))
  const reader = await log.open({ topics: ['t'], startAt: () => 'earliest' })
  const framer = new Framer(`b${dir.replaceAll(/\W/g, '')}`, { dir, eventBytesMax: 65536, futureMinutesMax: 60, ageDaysMax: 7, mappings: {}, nowMs: () => now, contract: withContract })
  for (let read = 0; read < values.length;) {
    const event = await reader.poll(1000, 1e7)
    if (event?.kind !== 'batch') continue
    framer.add(event.batch, event.batch.firstOffset)
    read += event.batch.count
  }
  await reader.close()
  await log.close()
  framer.seal()
  return { batch: await parseBatch(engine.parser, framer), framer }
}
