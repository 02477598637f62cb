// What a run with real processes has shown so far: one line per promise, and `N passed, N failed` at its end.
// A check that names a failure is printed at once; the verifier's findings count one by one.

import { sentenceOfVerdict, verdictLines } from './verify/report.ts'
import type { Verdict } from './verify/verify.ts'
import { show } from '../runtime/index.ts'

export interface Tally {
  readonly passed: number
  readonly failed: number
  check(sentence: string, ok: boolean, detail?: string): void
  /** Every finding of the verifier is a check; its sentence is printed. */
  verdict(when: string, verdict: Verdict): void
  /** Says something that is no check. */
  say(line: string): void
  end(): string
}

export function createTally (print: (line: string) => void = line => { show(line.split('\n')) }): Tally {
  let passed = 0
  let failed = 0
  const check = (sentence: string, ok: boolean, detail = ''): void => {
    if (ok) passed++
    else failed++
    print(`${ok ? 'ok    ' : 'FAILED'} ${sentence}${detail === '' ? '' : `: ${detail}`}`)
  }
  return {
    get passed () { return passed },
    get failed () { return failed },
    check,
    verdict: (when, verdict) => {
      for (const finding of verdict.findings) {
        if (finding.kept) passed++
        else check(`${when}: ${finding.promise}`, false, `${finding.detail} ${finding.examples.join(', ')}`)
      }
      print(`       ${when}: ${sentenceOfVerdict(verdict)}`)
      if (verdict.findings.some(finding => !finding.kept)) for (const line of verdictLines(verdict)) print(line)
    },
    say: line => { print(`       ${line}`) },
    end: () => `${passed} passed, ${failed} failed`
  }
}
