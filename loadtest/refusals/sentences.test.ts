import t from 'tap'
import { judgeSaid, patternOf, readSaid } from './sentences.ts'

const registry = { THING_AWAY: { message: 'the thing at {url} is away ({reason}): start it', retryable: true } }
const sentence = 'the thing at http://x is away (ECONNREFUSED): start it'

t.test('a sentence is found by its code whatever stands in its places, also inside another', async t => {
  const pattern = patternOf(registry, ['THING_AWAY'])
  t.match(sentence, pattern)
  t.match(`writer cannot start: ${sentence}`, pattern)
  t.notMatch('the thing is away', pattern)
  t.throws(() => patternOf(registry, ['THING_UNKNOWN']), /no registry knows/)
})

t.test('what is said is stderr and warnings, not the story', async t => {
  const log = ['{"level":30,"msg":"ready"}', `{"level":40,"code":"THING_AWAY","msg":"${sentence}"}`, '{"level":50,"msg":"broke","err":{"message":"inside","stack":"at x"}}', 'on stderr', ''].join('\n')
  t.strictSame(readSaid(log), [{ text: sentence, code: 'THING_AWAY' }, { text: 'broke: inside' }, { text: 'on stderr' }])
})

t.test('one sentence, others and stack frames are told apart', async t => {
  const said = [sentence, sentence, 'Error: something', '    at run (file.ts:3:4)', 'bye'].map(text => ({ text }))
  t.strictSame(judgeSaid(said, patternOf(registry, ['THING_AWAY']), [/^bye$/]), { times: 2, others: ['Error: something'], noise: ['    at run (file.ts:3:4)'] })
})
