import t from 'tap'
import fc from 'fast-check'
import { contract } from './contract.ts'
import { planContract } from './plan.ts'
import { createScanner, depthMax, depthScannedMax } from './scanner.ts'
import { DepthFailure, SyntaxFailure, token } from './tokens.ts'

const plan = planContract(contract)
const scanner = createScanner(plan)

/** The whole text as one value; null when it is not JSON. */
function scan (text: string | Buffer): { found: number, flag: string | null, path: string | null } | null {
  const bytes = Buffer.from(text)
  scanner.open(bytes, 0, bytes.length)
  try {
    scanner.skipSpace()
    const found = scanner.readEvent()
    const flag = scanner.flag()
    scanner.skipSpace()
    return scanner.position() === bytes.length ? { found, flag: flag?.code ?? null, path: flag?.path ?? null } : null
  } catch (error) {
    if (error instanceof SyntaxFailure) return null
    throw error
  }
}

function parses (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

t.test('takes exactly the texts that JSON.parse takes', async () => {
  const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '"event_id"', '"\\u00e9"', '"\\/\\b\\f\\r\\t\\\\"', '"\\x"', '"\\', '\\u', '0', '1', '-', '.5', '1.5', 'e3', 'E', '1e+2', '01', 'true', 'false', 'null', 'nul', ' ', '\n', '\t', '\u0001', '\u00a0', 'é', '"é😀"', '{"a":1}', '[1,2]', '"\\ud800"')
  const soup = fc.array(piece, { maxLength: 9 }).map(parts => parts.join(''))
  fc.assert(fc.property(soup, text => (scan(text) !== null) === parses(text)), { numRuns: 8000 })
})

t.test('takes every JSON value, and none of its true prefixes that are not JSON', async () => {
  fc.assert(fc.property(fc.json({ maxDepth: 4 }), fc.nat(), (text, cut) => {
    const part = text.slice(0, cut % (text.length + 1))
    return scan(text) !== null && (scan(part) !== null) === parses(part)
  }), { numRuns: 1500 })
})

t.test('takes no text with one byte changed that JSON.parse would not take', async () => {
  const text = '{"event_id":"a\\u0062","n":[-1.5e+3,0,{"x":"é"}],"timestamp":null,"t":true}'
  fc.assert(fc.property(fc.nat(text.length - 1), fc.integer({ min: 0, max: 126 }), (at, code) => {
    const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
    return (scan(changed) !== null) === parses(changed)
  }), { numRuns: 4000 })
})

t.test('a key that occurs twice is seen at any depth, however it is written', async t => {
  for (const [text, path] of [
    ['{"a":1,"a":2}', 'a'],
    ['{"event_id":1,"event_id":2}', 'event_id'],
    ['{"event_id":1,"event\\u005fid":2}', 'event_id'],
    ['{"x":{"k":1,"\\u006b":2}}', 'x.k'],
    ['{"x":[0,{"é":1,"\\u00e9":2}]}', 'x[1].é'],
    ['{"location":{"city":"a","city":"b"}}', 'location.city'],
    ['{"properties":{"$extra":1,"$extra":2}}', 'properties.$extra'],
    ['{"":1,"":2}', ''],
    [`{"p":{${Array.from({ length: 40 }, (_, n) => `"k${n}":1`).join(',')},"k17":2}}`, 'p.k17']
  ] as const) t.match(scan(text), { flag: 'EVENT_DUPLICATE_KEY', path }, text)
  t.match(scan('{"a":{"k":1},"b":{"k":1},"k":[{"k":1},{"k":1}]}'), { flag: null })
})

t.test('keys are counted as a parser counts them', async () => {
  const key = fc.constantFrom('a', 'b', 'event_id', '\\u0061', '\\u0065vent_id', 'é', '\\u00e9', 'Aa', 'BB', '__proto__')
  const object = fc.array(fc.tuple(key, fc.constantFrom('1', '{"a":1}', '[]')), { maxLength: 6 })
  fc.assert(fc.property(object, members => {
    const text = `{${members.map(([k, v]) => `"${k}":${v}`).join(',')}}`
    const twice = Object.keys(JSON.parse(text) as object).length !== members.length
    return (scan(text)?.flag === 'EVENT_DUPLICATE_KEY') === twice
  }), { numRuns: 2000 })
})

t.test('keys with equal hashes are told apart by their names', async t => {
  t.match(scan('{"Aa":1,"BB":2}'), { flag: null }) // "Aa" and "BB" have one hash
  t.match(scan('{"Aa":1,"BB":2,"Aa":3}'), { flag: 'EVENT_DUPLICATE_KEY', path: 'Aa' })
  const colliding = ['Aa', 'BB'].flatMap(a => ['Aa', 'BB'].flatMap(b => ['Aa', 'BB'].flatMap(c => ['Aa', 'BB'].flatMap(d => ['Aa', 'BB'].map(e => a + b + c + d + e)))))
  t.match(scan(`{${colliding.map(name => `"${name}":1`).join(',')}}`), { flag: null })
})

t.test('numbers that parsers read differently are flagged where no field asks for them', async t => {
  for (const number of ['9007199254740992', '-9007199254740993', '12345678901234567890', '1e999', '-1E400', `1${'0'.repeat(400)}.5`]) {
    t.match(scan(`{"a":{"b":[1,${number}]}}`), { flag: 'EVENT_NUMBER_RANGE', path: 'a.b[1]' }, number)
  }
  for (const number of ['9007199254740991', '-9007199254740991', '1e308', '0.1234567890123456789', '-0', '1e-400']) t.match(scan(`{"a":${number}}`), { flag: null }, number)
})

t.test('NUL and halves of surrogate pairs are flagged, whole pairs are not', async t => {
  for (const text of ['\\u0000', 'a\\u0000b', '\\ud83d', '\\ud83dx', '\\ud83d\\u0041', '\\ude00', '\\ud83d\\ud83d\\ude00', '\\uD83D\\n']) {
    t.match(scan(`{"x":"${text}"}`), { flag: 'EVENT_STRING_INVALID', path: 'x' }, text)
    t.match(scan(`{"${text}":1}`), { flag: 'EVENT_STRING_INVALID', path: '' }, text)
  }
  t.match(scan('{"x":"\\ud83d\\ude00 \\u0001 \\\\u0000"}'), { flag: null })
})

t.test('depth is bounded: flagged beyond the limit, and the scan itself never overflows', async t => {
  const nested = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)
  t.match(scan(nested(depthMax)), { flag: null })
  t.match(scan(nested(depthMax + 1)), { flag: 'EVENT_TOO_DEEP' })
  t.match(scan(`{"a":${'['.repeat(depthMax)}${']'.repeat(depthMax)}}`), { flag: 'EVENT_TOO_DEEP' })
  const bytes = Buffer.from('['.repeat(depthScannedMax * 100))
  scanner.open(bytes, 0, bytes.length)
  try {
    scanner.readEvent()
    t.fail('a text deeper than the scan goes was read')
  } catch (error) {
    t.ok(error instanceof DepthFailure)
  }
})

t.test('many keys cost linear time', async t => {
  const text = `{${Array.from({ length: 100_000 }, (_, n) => `"k${n}":0`).join(',')}}`
  const started = performance.now()
  t.match(scan(text), { flag: null, found: token.object })
  t.ok(performance.now() - started < 15_000)
})
