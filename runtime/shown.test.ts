// Nothing that is shown can forge a line or move the cursor.

import t from 'tap'
import { sentenceOf } from './service.ts'
import { shownLine } from './shown.ts'

t.test('escapes, line ends, C1 codes and marks of direction are shown as what they are; everything else is untouched', t => {
  t.equal(shownLine('no such table \u001b[2K\rALERT fraud: none\nALERT'), 'no such table \\u001b[2K\\u000dALERT fraud: none\\u000aALERT')
  t.equal(shownLine('\u009b31m \u0007 \u2028 \u202e x \u2066 \u0000'), '\\u009b31m \\u0007 \\u2028 \\u202e x \\u2066 \\u0000')
  t.equal(shownLine('Größe 大 🛒 – "ok" \\'), 'Größe 大 🛒 – "ok" \\')
  t.equal(sentenceOf(new Error('refused: \u001b]0;title\u0007 \n next')), 'refused: \\u001b]0;title\\u0007 next')
  t.end()
})
