// `npm run verify`: prints one line per promise and one sentence as the verdict. Exit code 0: all kept; 1: one is broken;
// 2: nothing could be judged; 3: nothing is broken, but something can no longer be shown.

import { sentenceOfVerdict, verdictLines } from './report.ts'
import { readVerifyConfig } from './config.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../runtime/index.ts'
import { verify } from './verify.ts'

try {
  const config = readVerifyConfig()
  const verdict = await verify(config)
  if (config.json) show(JSON.stringify({ ...verdict, letters: Object.fromEntries(verdict.letters), verdict: sentenceOfVerdict(verdict) }, (_, value: unknown) => typeof value === 'bigint' ? Number(value) : value))
  else show(verdictLines(verdict))
  const { findings } = verdict
  process.exitCode = findings.some(finding => !finding.kept) ? 1 : findings.some(finding => finding.unproven) ? 3 : 0
} catch (error) {
  complain(`verify: ${sentenceOf(error)}`)
  process.exitCode = 2
}
await exitWhenPrinted()
