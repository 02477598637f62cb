import t from 'tap'
import { Trouble } from './trouble.ts'

const trouble = (): Trouble => new Trouble('kafka://one:9092', 'one:9092')
const error = (code: number, message: string): Error => Object.assign(new Error(message), { code })
const timedOut = error(-185, 'Local: Timed out')
const refusedLine = '[thrd:sasl_plaintext://one:9092/bootstrap]: sasl_plaintext://one:9092/bootstrap: SASL authentication error: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256 (after 301ms in state AUTH_REQ)'

t.test('a client that timed out is told by the line that stood in its log', async t => {
  const one = trouble()
  one.read(refusedLine)
  t.match(one.explain(timedOut, 'topic orders'), { code: 'LOG_UNAUTHORIZED', message: /refused our credentials \(one:9092: SASL authentication error: .*invalid credentials with SASL mechanism SCRAM-SHA-256\): check FIRN_KAFKA/ })
})

t.test('what comes after the reason and says less does not replace it', async t => {
  const one = trouble()
  one.read(refusedLine)
  one.note('Local: All broker connections are down')
  one.note('authentication failure', true)
  t.match(one.explain(timedOut, 'x').message, /invalid credentials/)
})

t.test('an answer ends what was wrong before', async t => {
  const one = trouble()
  one.read(refusedLine)
  one.over()
  t.match(one.explain(timedOut, 'x'), { code: 'LOG_UNREACHABLE', message: /no answer in time/ })
})

t.test('a refused login is told to who waits, a broker that is away is not', async t => {
  const one = trouble()
  let told = 0
  const stop = one.whenLoginRefused(() => { told++ })
  one.read('one:9092: Connect to ipv4#127.0.0.1:9092 failed: Connection refused')
  t.equal(told, 0)
  one.read(refusedLine)
  t.equal(told, 1)
  stop()
  one.read(refusedLine)
  t.equal(told, 1)
})

t.test('librdkafka\'s numbers have our codes', async t => {
  const cases: [Error, string, boolean][] = [
    [error(29, 'Broker: Topic authorization failed'), 'LOG_FORBIDDEN', true],
    [error(30, 'Broker: Group authorization failed'), 'LOG_FORBIDDEN', true],
    [error(10, 'Broker: Message size too large'), 'LOG_RECORD_REFUSED', false],
    [error(3, 'Broker: Unknown topic or partition'), 'LOG_TOPIC_UNKNOWN', false],
    [error(-195, 'Local: Broker transport failure'), 'LOG_UNREACHABLE', true],
    [error(58, 'Broker: SASL Authentication failed'), 'LOG_UNAUTHORIZED', true],
    [error(19, 'Broker: Not enough in-sync replicas'), 'LOG_KAFKA', true]
  ]
  for (const [given, code, retryable] of cases) t.match(trouble().explain(given, 'topic orders'), { code, retryable, cause: given }, given.message)
  t.match(trouble().explain(cases[3]![0], 'offsets of topic orders').message, /no topic orders/)
})
