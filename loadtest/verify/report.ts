// The verdict as text: a table of promises, examples under those that are broken, and one sentence.

import type { Verdict } from './verify.ts'

export function printVerdict (verdict: Verdict): string {
  const width = Math.max(...verdict.findings.map(finding => finding.promise.length))
  const lines = verdict.findings.flatMap(({ promise, kept, detail, examples }) => [
    `${kept ? 'kept  ' : 'BROKEN'}  ${promise.padEnd(width)}  ${detail}`.trimEnd(),
    ...examples.map(example => `          ${example}`)
  ])
  return [...lines, '', sentenceOfVerdict(verdict), ''].join('\n')
}

export function sentenceOfVerdict ({ findings, rows, letters, acked, lag }: Verdict): string {
  const bad = findings.filter(finding => !finding.kept)
  if (bad.length > 0) return `NOT PROVEN: ${bad.length} of ${findings.length} promises are broken, the first: ${bad[0]?.promise} (${bad[0]?.detail}).`
  const duplicates = letters.get('duplicate') ?? 0n
  const others = [...letters.values()].reduce((sum, n) => sum + n, 0n) - duplicates
  return `Proven: ${rows} rows, nothing acknowledged is missing, nothing landed twice; ${acked} acknowledged by ledgers, ${duplicates} duplicates dropped, ${others} other dead letters, ${lag} records wait in the log.`
}
