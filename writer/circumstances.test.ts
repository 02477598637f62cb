// What a writer finds when it compares its record with the log, and what an operator may then choose.

import t from 'tap'
import { judgePartition, ruleOn, type Circumstances, type Ruling, type Standing } from './circumstances.ts'
import type { Choice } from './choices.ts'

/** Read up to 20 of a log that holds [0, 30), and it is the same log. */
const sound: Circumstances = {
  topic: 'a', partition: 0, recorded: { start: 0n, next: 20n, fingerprint: 'fp' }, isSameId: true, verdict: 'same', first: 0n, end: 30n
}
const with_ = (more: Partial<Circumstances>): Circumstances => ({ ...sound, ...more })

const judgements: readonly [name: string, Circumstances, kind: string | null, reason: RegExp][] = [
  ['the log that was consumed', sound, null, /./],
  ['nothing is recorded', with_({ recorded: null, verdict: 'unknown' }), null, /./],
  ['the records that would tell are gone by retention', with_({ verdict: 'unknown', first: 20n }), null, /./],
  ['all of it was consumed', with_({ end: 20n }), null, /./],
  ['restored from an older copy, shorter than the record', with_({ end: 12n, verdict: 'other' }), 'log', /truncated or restored/],
  ['restored, and grown past the record', with_({ verdict: 'other' }), 'log', /other records before it/],
  ['restored, and grown to exactly the record', with_({ verdict: 'other', end: 20n }), 'log', /other records before it/],
  ['recreated topic', with_({ isSameId: false, verdict: 'other' }), 'log', /recreated/],
  ['recreated topic with the same records', with_({ isSameId: false }), 'log', /recreated/],
  ['retention overtook the writer', with_({ first: 25n, verdict: 'unknown' }), 'records-gone', /5 records are gone/],
  ['an empty log', with_({ end: 0n, verdict: 'other' }), 'log', /ends at 0/]
]

for (const [name, circumstances, kind, reason] of judgements) {
  t.test(`${name}: ${kind ?? 'goes on'}`, t => {
    const found = judgePartition(circumstances)
    t.equal(found?.kind ?? null, kind)
    if (found !== null) {
      t.match(found.reason, reason)
      t.match(found.choices, /--writer-resume-from/)
    }
    t.end()
  })
}

const log: Standing = { halt: { kind: 'log', evidence: {} }, newestRow: 20n, lettersNext: 20n }
const table: Standing = { ...log, halt: { kind: 'table', evidence: {} }, newestRow: 15n }
const damaged: Standing = { ...log, halt: { kind: 'damaged', evidence: { from: '20', to: '24' } } }

const rulings: readonly [name: string, Choice, Circumstances, Standing, Ruling | 'refused'][] = [
  ['another log is read from its beginning', 'earliest', with_({ verdict: 'other' }), log, { kind: 'go', next: 0n, rereadTo: 20n }],
  ['what dead letters listed beyond the record is not believed either', 'earliest', with_({ verdict: 'other' }), { ...log, lettersNext: 26n }, { kind: 'go', next: 0n, rereadTo: 26n }],
  ['records below the recorded offset of another log would be lost', 'recorded', with_({ verdict: 'other' }), log, 'refused'],
  ['a log that ends before the record is not the right one', 'recorded', with_({ end: 12n }), log, 'refused'],
  ['the right log was put back', 'recorded', sound, log, { kind: 'go', next: 20n, rereadTo: 20n }],
  ['nothing shows that the right log was put back', 'recorded', with_({ verdict: 'unknown' }), log, 'refused'],
  ['a log of another id with the same records', 'recorded', with_({ isSameId: false }), log, { kind: 'go', next: 20n, rereadTo: 20n }],
  ['a log of another id that cannot be compared', 'recorded', with_({ isSameId: false, verdict: 'unknown' }), table, 'refused'],
  ['rows of another log say nothing about this one', 'data', with_({ verdict: 'other' }), table, 'refused'],
  ['data is an answer to what happened to the table', 'data', sound, log, 'refused'],
  ['rolled back rows are written again', 'data', sound, table, { kind: 'go', next: 15n, rereadTo: 20n }],
  ['rolled back to before the first row', 'data', sound, { ...table, newestRow: null }, { kind: 'go', next: 0n, rereadTo: 20n }],
  ['rolled back rows that the log has let go of', 'data', with_({ first: 17n }), table, { kind: 'go', next: 17n, rereadTo: 20n }],
  ['rolled back, and left as it is', 'recorded', sound, table, { kind: 'go', next: 20n, rereadTo: 20n }],
  ['rolled back, a record of the first format', 'recorded', with_({ verdict: 'unknown' }), table, { kind: 'go', next: 20n, rereadTo: 20n }],
  ['rolled back and the log restored: each halts for itself', 'recorded', with_({ verdict: 'other' }), table, 'refused'],
  ['records gone by retention are a known hole', 'earliest', with_({ first: 25n, verdict: 'unknown' }), { ...log, halt: { kind: 'records-gone', evidence: {} } }, { kind: 'go', next: 25n, rereadTo: 20n }],
  ['records gone by retention are not passed over unsaid', 'recorded', with_({ first: 25n, verdict: 'unknown' }), { ...log, halt: { kind: 'records-gone', evidence: {} } }, 'refused'],
  ['damaged records are left out', 'skip', sound, damaged, { kind: 'skip', from: 20n, to: 24n }],
  ['damaged records are met again from the beginning', 'earliest', sound, damaged, 'refused'],
  ['a restored copy holds the damaged records', 'recorded', sound, damaged, { kind: 'go', next: 20n, rereadTo: 20n }],
  ['nothing is damaged', 'skip', sound, log, 'refused'],
  ['no record at all', 'recorded', with_({ recorded: null, verdict: 'unknown' }), table, 'refused'],
  ['no record at all, all is read', 'earliest', with_({ recorded: null, verdict: 'unknown' }), { ...table, lettersNext: 0n }, { kind: 'go', next: 0n, rereadTo: 0n }]
]

for (const [name, choice, circumstances, standing, expected] of rulings) {
  t.test(`${choice}: ${name}`, t => {
    const ruling = ruleOn(choice, circumstances, standing)
    if (expected === 'refused') t.match(ruling, { kind: 'refused', reason: /\w/ })
    else t.strictSame(ruling, expected)
    t.end()
  })
}
