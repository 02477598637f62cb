// The verdict as text: a table of promises, examples under those that are broken, and one sentence that says what was
// shown and no more: a proof names its sides, and what can no longer be shown is never part of "Proven".

import type { Verdict } from './verify.ts'

export function verdictLines (verdict: Verdict): string[] {
  const width = Math.max(...verdict.findings.map(finding => finding.promise.length))
  const lines = verdict.findings.flatMap(({ promise, kept, unproven, detail, examples }) => [
    `${kept ? unproven === true ? 'UNSURE' : 'kept  ' : 'BROKEN'}  ${promise.padEnd(width)}  ${detail}`.trimEnd(),
    ...examples.map(example => `          ${example}`)
  ])
  return [...lines, ...verdict.halts.map(halt => `HALTED  ${halt}`), '', sentenceOfVerdict(verdict)]
}

export function sentenceOfVerdict (verdict: Verdict): string {
  const { findings, halts } = verdict
  const bad = findings.filter(finding => !finding.kept)
  const halted = halts.length === 0 ? '' : ` Halted until the operator decides: ${halts[0]}${halts.length > 1 ? ` (and ${halts.length - 1} more)` : ''}.`
  if (bad.length > 0) return `NOT PROVEN: ${bad.length} of ${findings.length} promises are broken, the first: ${bad[0]?.promise} (${bad[0]?.detail}).${halted}`
  const unsure = findings.filter(finding => finding.unproven === true)
  if (unsure.length > 0) return `NOT FULLY PROVABLE: nothing speaks against ${figuresOf(verdict)}, but what would show it is gone for ${unsure.length} of ${findings.length} promises: ${unsure.map(({ promise, detail }) => `${promise} (${detail})`).join('; ')}.${halted}`
  return `Proven: ${figuresOf(verdict)}.${halted}`
}

function figuresOf ({ rows, letters, acked, lag, ledgers, gone, leftOut }: Verdict): string {
  const duplicates = letters.get('duplicate') ?? 0n
  const others = [...letters.values()].reduce((sum, n) => sum + n, 0n) - duplicates
  const acknowledged = ledgers === 0
    ? 'nothing that was taken from the log is missing, nothing landed twice (no ledger of a sender was there to compare)'
    : `nothing acknowledged is missing, nothing landed twice; ${acked} acknowledged by ledgers`
  return [
    `${rows} rows, ${acknowledged}, ${duplicates} duplicates dropped, ${others} other dead letters, ${lag} records wait in the log`,
    gone === 0n ? '' : `, ${gone} rows that landed were deleted since by another engine`,
    leftOut === 0n ? '' : `, ${leftOut} offsets were left out by an operator's decision`
  ].join('')
}
