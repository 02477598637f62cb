// What the machine lacks, and what records cause only together, is blamed on no record: nothing is listed, and all lands.

import t from 'tap'
import { faultOf } from './engine-fault.ts'
import { failingOn, type Fault, type Stage } from './faulty-engine.ts'
import { openLine, pageView, type DrainOptions, type Line } from './started-line.ts'

const isolated = (name: string, run: (t: Tap, line: Line) => Promise<void>): void => {
  void t.test(name, async t => {
    const line = await openLine(t.testdir({}))
    try {
      await run(t as unknown as Tap, line)
    } finally {
      await line.close()
    }
  })
}
type Tap = typeof t

const planted = (stage: Stage, message: string, fails: (text: string) => boolean): Fault => ({ stage, message, fails })
const drain = async (line: Line, fault: Fault, options: DrainOptions = {}): Promise<void> => { await line.drain({ ...options, faults: engine => failingOn(engine, fault) }) }
const rows = async (line: Line): Promise<number> => Number((await line.query('SELECT count(*) AS n FROM events').catch(() => [{ n: 0 }]))[0]!.n)
const title = 'x'.repeat(3000)
/** In appends of 10 records: what was appended together is read together. */
const send = async (line: Line, count: number, prefix: string): Promise<void> => {
  for (let from = 0; from < count; from += 10) {
    await line.send(Array.from({ length: Math.min(10, count - from) }, (_, i) => ({ key: 'one', value: pageView(`${prefix}${from + i}`, { title }) })))
  }
}

isolated('what the machine lacks is no record\'s fault: nothing is listed, and all lands once it is there', async (t, line) => {
  const first = (times: number) => () => times-- > 0
  const lands = async (fault: Fault, bytesMax = 1 << 20): Promise<void> => {
    const before = await rows(line)
    await send(line, 60, `${before}-`)
    await drain(line, fault, { bytesMax })
    t.equal(await rows(line), before + 60, fault.message)
    t.same(await line.query('SELECT * FROM dead_letters'), [])
  }
  await lands(planted('copy', 'IO Error: Could not write file "x": No space left on device', first(1)))
  await lands(planted('parse', 'Out of Memory Error: planted', text => text.split('\n').length > 50), 1 << 18)
  await lands(planted('copy', 'Conversion Error: of everything, a plain event as well', first(2)))
})

isolated('records that fail together and not alone are read again in smaller batches', async (t, line) => {
  await send(line, 64, 'e')
  await drain(line, planted('copy', 'Conversion Error: together', text => text.includes('e3\n') && text.includes('e60')), { bytesMax: 1 << 17 })
  t.equal(await rows(line), 64)
  t.same(await line.query('SELECT * FROM dead_letters'), [])
})

void t.test('whose fault an error is', async t => {
  const coded = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code })
  for (const [error, fault] of [
    [new Error('Conversion Error: x'), 'record'], [new Error('Out of Range Error: x'), 'record'], [new Error('Invalid Input Error: x'), 'record'], [new Error('INTERNAL Error: x'), 'record'],
    [new Error('IO Error: Cannot open file "…": File name too long'), 'record'],
    [new Error('Out of Memory Error: failed to allocate'), 'machine'], [new Error('IO Error: No space left on device'), 'machine'], [new Error('HTTP Error: 503'), 'machine'], [coded('EIO'), 'machine'],
    [new Error('Binder Error: x'), 'other'], [new Error('Catalog Error: x'), 'other'], [new TypeError('x'), 'other'], [new Error('the process died here'), 'other'], [new Error('fetch failed'), 'other'], [coded('STORAGE_UNREACHABLE'), 'other'], [coded('WRITER_FENCED'), 'other'], ['x', 'other'],
    [Object.assign(coded('WRITER_BATCH_BROKEN'), { cause: new Error('Out of Memory Error') }), 'machine'], [coded('WRITER_BATCH_BROKEN'), 'record']
  ] as const) t.equal(faultOf(error), fault, String(error))
})
