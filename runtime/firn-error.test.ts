import t from 'tap'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { defineErrors, FirnError } from './firn-error.ts'

const { fail, is } = defineErrors('demo', {
  DEMO_FULL: { message: 'the shelf {shelf} is full at {count} of {countMax}: {missing}', retryable: true, httpStatus: 503 },
  DEMO_GONE: { message: 'gone', retryable: false }
})

t.test('an error carries its code, whether a retry helps, its status, its values and its cause', async t => {
  const cause = new Error('below')
  const error = fail('DEMO_FULL', { shelf: 'A', count: 3n, countMax: 3 }, cause)
  t.type(error, FirnError)
  t.equal(error.message, 'the shelf A is full at 3 of 3: {missing}')
  t.match(error, { code: 'DEMO_FULL', retryable: true, httpStatus: 503, values: { shelf: 'A' } })
  t.equal(error.cause, cause)
  t.ok(is(error, 'DEMO_FULL'))
  t.notOk(is(error, 'DEMO_GONE'))
  t.notOk(is(cause, 'DEMO_FULL'))
  t.notOk('httpStatus' in fail('DEMO_GONE') && fail('DEMO_GONE').httpStatus !== undefined)
})

t.test('a code that the registry does not have is a mistake of the programmer', async t => {
  t.throws(() => fail('DEMO_OTHER' as 'DEMO_GONE'), TypeError)
})

t.test('secrets never reach a log, however they are nested', async t => {
  const code = `import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'logger.ts'))}
    createLogger('demo', 'info').info({ password: 'hunter2', a: { token: 'hunter2', b: { secret: 'hunter2' } }, req: { headers: { authorization: 'Bearer hunter2' } } }, 'hello')`
  const line = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  t.notMatch(line, /hunter2/)
  t.match(JSON.parse(line), { level: 30, name: 'demo', msg: 'hello', password: '[secret]' })
})
