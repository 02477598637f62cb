/**
 * Whatever happens to a byte of the catalog's state, its tables are what was answered, or the start is refused with one sentence: never an
 * older or an emptier catalog that looks whole.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { PointerStore } from './pointer-store.ts'
import { judgeState } from './state-seal.ts'

const tables = 25
/** A prime: it meets other offsets of each page. */
const stride = 997
type Tap = typeof t
type Held = Record<string, string | null>

const id = (index: number) => ({ namespace: [`n${index % 4}`], name: `t${index}` })
const locationOf = (index: number) => `file:///warehouse/n${index % 4}/t${index}/metadata/00000-${index}.metadata.json`

function fill(store: PointerStore): void {
  for (let index = 0; index < tables; index++) store.move([{ id: id(index), kind: 'table', from: null, to: locationOf(index) }], true)
}

function heldBy(store: PointerStore): Held {
  const held: Held = Object.fromEntries(store.childNamespaces([]).map(namespace => [namespace.join('.'), JSON.stringify(store.namespaceProperties(namespace))]))
  for (const { id, location } of store.all()) held[[...id.namespace, id.name].join('.')] = location
  return held
}

/** The folder as a kill -9 would leave it: everything in the write-ahead log. And as an orderly end leaves it. */
function madeFolders(t: Tap): { killed: string, closed: string, held: Held } {
  // In memory where that can be had: a start syncs several times, and there are hundreds of them.
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'catalog-'))
  t.teardown(() => { rmSync(dir, { recursive: true, force: true }) })
  const [live, killed, closed] = ['live', 'killed', 'closed'].map(name => join(dir, name)) as [string, string, string]
  const store = new PointerStore(live)
  fill(store)
  const held = heldBy(store)
  cpSync(live, killed, { recursive: true })
  store.close()
  cpSync(live, closed, { recursive: true })
  return { killed, closed, held }
}

/** What a start on this folder comes to: the names it holds, or the sentence of its refusal. */
function start(folder: string): { held?: Held, refusal?: string } {
  let store: PointerStore
  try {
    store = new PointerStore(folder)
  } catch (error) {
    return { refusal: (error as Error).message }
  }
  try {
    return { held: heldBy(store) }
  } finally {
    store.close()
  }
}

const damages: Record<string, (bytes: Buffer, at: number) => Buffer> = {
  'a flipped bit': (bytes, at) => { bytes[at]! ^= 1 << at % 8; return bytes },
  'a zeroed sector': (bytes, at) => bytes.fill(0, at - at % 512, Math.min(bytes.length, at - at % 512 + 512)),
  'a cut file': (bytes, at) => bytes.subarray(0, at)
}

for (const kind of ['killed', 'closed'] as const) {
  void t.test(`any damage to a byte of a catalog that was ${kind} is survived or refused`, t => {
    const made = madeFolders(t as unknown as Tap)
    const folder = made[kind]
    const work = `${folder}-work`
    const seen = { right: 0, refused: 0 }
    for (const file of readdirSync(folder)) {
      const { size } = statSync(join(folder, file))
      // Headers byte by byte, the rest in strides that meet every offset within a page sooner or later.
      const places = Array.from({ length: size }, (_, at) => at).filter(at => at < 128 || (at % 4096 < 24 && at % 7 === 0) || at % stride === 0)
      for (const [what, damage] of Object.entries(damages)) {
        for (const at of places.filter((_, index) => what === 'a flipped bit' || index % 8 === 0)) {
          rmSync(work, { recursive: true, force: true })
          cpSync(folder, work, { recursive: true })
          writeFileSync(join(work, file), damage(readFileSync(join(work, file)), at))
          const { held, refusal } = start(work)
          if (held !== undefined) {
            seen.right++
            if (JSON.stringify(held) !== JSON.stringify(made.held)) t.same(held, made.held, `${what} of ${file} at ${at}`)
          } else {
            seen.refused++
            if (!/catalog\.(sqlite|seal)/.test(refusal ?? '')) t.match(refusal, /catalog\.(sqlite|seal)/, `${what} of ${file} at ${at}`)
            // A second start does not find what the first one refused to be sound.
            if (at % 5 === 0) t.ok(start(work).refusal, `${what} of ${file} at ${at}: refused again`)
          }
        }
      }
    }
    t.ok(seen.right > 20 && seen.refused > 20, `right ${seen.right}, refused ${seen.refused}`)
    t.end()
  })
}

void t.test('a state that lost its newest changes is refused until the operator takes it', t => {
  const { killed, held } = madeFolders(t as unknown as Tap)
  const wal = join(killed, 'catalog.sqlite-wal')
  const bytes = readFileSync(wal)
  writeFileSync(wal, bytes.subarray(0, bytes.length - 4120 * 4))
  t.match(start(killed).refusal, /is not the newest \(it holds \d+ changes, but \d+ were answered\).*npm run repair/)
  const taken = new PointerStore(killed, { takeOlder: true })
  t.ok(Object.keys(heldBy(taken)).length < Object.keys(held).length)
  fill(taken)
  taken.close()
  t.same(start(killed).held, held, 'once taken it is the newest')
  t.end()
})

void t.test('files of the state that are gone, empty or from a backup are noticed', t => {
  const { closed, held } = madeFolders(t as unknown as Tap)
  const with_ = (change: (folder: string) => void): ReturnType<typeof start> => {
    const work = `${closed}-gone`
    rmSync(work, { recursive: true, force: true })
    cpSync(closed, work, { recursive: true })
    change(work)
    return start(work)
  }
  t.match(with_(folder => { rmSync(join(folder, 'catalog.sqlite')) }).refusal, /it is empty, but 2\d changes were answered/)
  t.match(with_(folder => { writeFileSync(join(folder, 'catalog.sqlite'), '') }).refusal, /it is empty/)
  t.same(with_(folder => { rmSync(join(folder, 'catalog.seal')) }).held, held, 'the seal alone is made anew')
  t.match(with_(folder => {
    const store = new PointerStore(folder)
    store.move([{ id: id(0), kind: 'table', from: locationOf(0), to: 'file:///elsewhere' }], true)
    store.close()
    cpSync(join(closed, 'catalog.sqlite'), join(folder, 'catalog.sqlite'))
  }).refusal, /is not the newest/)
  t.match(with_(folder => {
    rmSync(join(folder, 'catalog.sqlite'))
    mkdirSync(`${folder}-other`)
    const other = new PointerStore(`${folder}-other`)
    fill(other)
    other.close()
    cpSync(`${folder}-other/catalog.sqlite`, join(folder, 'catalog.sqlite'))
  }).refusal, /belongs to catalog/)
  t.end()
})

void t.test('a state of the version before seals is taken over', t => {
  const folder = join(t.testdir({}), 'catalog')
  mkdirSync(folder)
  const old = new DatabaseSync(join(folder, 'catalog.sqlite'))
  old.exec(`CREATE TABLE namespace (name TEXT PRIMARY KEY, parent TEXT NOT NULL, properties TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX namespace_parent ON namespace (parent);
    CREATE TABLE entry (namespace TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, location TEXT NOT NULL, PRIMARY KEY (namespace, name)) WITHOUT ROWID;
    INSERT INTO namespace VALUES ('db', '', '{}'); INSERT INTO entry VALUES ('db', 't', 'table', 'file:///t'); PRAGMA user_version = 1`)
  old.close()
  t.same(start(folder).held, { 'db': '{}', 'db.t': 'file:///t' })
  t.ok(existsSync(join(folder, 'catalog.seal')))
  t.same(start(folder).held, { 'db': '{}', 'db.t': 'file:///t' })
  t.end()
})

void t.test('what a state and its seal say decides whether it is used', t => {
  const seal = { catalog: 'c', changes: 5, sum: 's5' }
  const found = { layout: 2, isEmpty: false, recorded: seal, sum: 's5' }
  const rows: [expected: string, found: Parameters<typeof judgeState>[0], seal: Parameters<typeof judgeState>[1]][] = [
    ['sound', found, seal],
    ['sound', found, null],
    ['sound', { ...found, recorded: { ...seal, changes: 6, sum: 's6' }, sum: 's6' }, seal],
    ['unsealed', { layout: 0, isEmpty: true, recorded: null, sum: '' }, null],
    ['unsealed', { layout: 1, isEmpty: false, recorded: null, sum: '' }, null],
    ['damaged', { layout: 2, isEmpty: false, recorded: null, sum: '' }, null],
    ['damaged', { layout: 1, isEmpty: false, recorded: null, sum: '' }, seal],
    ['older', { layout: 0, isEmpty: true, recorded: null, sum: '' }, seal],
    ['damaged', { ...found, sum: 'other' }, seal],
    ['damaged', { ...found, recorded: { ...seal, sum: 'x' }, sum: 'x' }, seal],
    ['older', { ...found, recorded: { ...seal, changes: 4, sum: 's4' }, sum: 's4' }, seal],
    ['older', { ...found, recorded: { ...seal, catalog: 'd' } }, seal]
  ]
  for (const [expected, state, beside] of rows) t.equal(judgeState(state, beside, 2).kind, expected, JSON.stringify([state, beside]))
  t.end()
})
