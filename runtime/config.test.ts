import t from 'tap'
import { Type } from 'typebox'
import { readConfig } from './config.ts'

const schema = Type.Object({
  FIRN_DEMO_PORT: Type.Integer({ default: 8000, minimum: 0, maximum: 65535, description: 'where the demo listens' }),
  FIRN_DEMO_TOPICS: Type.Array(Type.String(), { default: ['a'], description: 'what it reads' }),
  FIRN_DEMO_MODE: Type.Union([Type.Literal('fast'), Type.Literal('safe')], { default: 'safe', description: 'how it works' }),
  FIRN_DEMO_KEY: Type.Optional(Type.String({ minLength: 8, secret: true, description: 'what it signs with' })),
  FIRN_DEMO_CORS: Type.Boolean({ default: false, description: 'whether browsers may call' }),
  rate: Type.Optional(Type.Number({ minimum: 0, description: 'a flag only' })),
  _: Type.Array(Type.String())
})
const read = (env: Record<string, string>, ...argv: string[]) => readConfig('demo', schema, { env, argv })

t.test('without variables and flags every setting has its default', async t => {
  t.strictSame(read({}), { FIRN_DEMO_PORT: 8000, FIRN_DEMO_TOPICS: ['a'], FIRN_DEMO_MODE: 'safe', FIRN_DEMO_CORS: false, FIRN_LOG_LEVEL: 'info', _: [] })
})

t.test('a flag is the same setting as its variable, and wins over it', async t => {
  t.equal(read({ FIRN_DEMO_PORT: '1' }).FIRN_DEMO_PORT, 1)
  t.equal(read({ FIRN_DEMO_PORT: '1' }, '--demo-port', '2').FIRN_DEMO_PORT, 2)
  t.equal(read({}, '--demo-port=3').FIRN_DEMO_PORT, 3)
  t.equal(read({}, '--demo-cors').FIRN_DEMO_CORS, true)
  t.equal(read({ FIRN_DEMO_CORS: '1' }, '--no-demo-cors').FIRN_DEMO_CORS, false)
  t.strictSame(read({ FIRN_DEMO_TOPICS: 'x, y' }).FIRN_DEMO_TOPICS, ['x', 'y'])
  t.equal(read({}, '--rate', '2.5').rate, 2.5)
  t.strictSame(read({}, 'select 1', '--rate', '1', '--', '--x')._, ['select 1', '--x'])
})

t.test('an unknown FIRN_ variable is refused with the nearest name', async t => {
  t.throws(() => read({ FIRN_DEMO_PROT: '1' }), { code: 'SETTING_UNKNOWN', message: /FIRN_DEMO_PROT is not a setting of demo \(did you mean FIRN_DEMO_PORT\?\)/ })
  t.throws(() => read({}, '--demo-prot', '1'), { code: 'SETTING_UNKNOWN', message: /did you mean --demo-port\?/ })
  t.throws(() => read({ FIRN_QQQ: '1' }), { message: /FIRN_QQQ is not a setting of demo; --help lists them/ })
  t.doesNotThrow(() => read({ FIRNISH: '1', PATH: 'x' }))
})

t.test('a value outside its type or bounds is refused with what was expected and why', async t => {
  for (const [name, value] of [['FIRN_DEMO_PORT', '80a'], ['FIRN_DEMO_PORT', '70000'], ['FIRN_DEMO_PORT', '1.5'], ['FIRN_DEMO_MODE', 'quick'], ['FIRN_DEMO_CORS', 'maybe']] as const) {
    t.throws(() => read({ [name]: value }), { code: 'SETTING_INVALID', message: new RegExp(`${name} is "${value}", but`) })
  }
  t.throws(() => read({ FIRN_DEMO_PORT: '80a' }), { message: 'FIRN_DEMO_PORT is "80a", but an integer from 0 to 65535 is expected (where the demo listens)' })
})

t.test('a secret stays out of the message that refuses it', async t => {
  try {
    read({ FIRN_DEMO_KEY: 'hunter2' })
    t.fail('it must be refused')
  } catch (error) {
    t.notMatch((error as Error).message, /hunter2/)
    t.match(error, { code: 'SETTING_INVALID' })
  }
})

t.test('a setting without a default has to be set', async t => {
  const needed = Type.Object({ FIRN_DEMO_URL: Type.String({ description: 'where to' }) })
  t.throws(() => readConfig('demo', needed, { env: {}, argv: [] }), { code: 'SETTING_MISSING', message: /FIRN_DEMO_URL is not set/ })
})

t.test('the settings that were read are frozen', async t => {
  t.throws(() => { (read({}) as { FIRN_DEMO_PORT: number }).FIRN_DEMO_PORT = 1 }, TypeError)
})

t.test('a statement that begins with a comment is no flag', async t => {
  const schema = Type.Object({ _: Type.Array(Type.String(), { default: [], description: 'words' }) })
  t.strictSame(readConfig('demo', schema, { env: {}, argv: ['-- why\nselect 1'] })._, ['-- why\nselect 1'])
})
