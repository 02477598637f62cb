import t from 'tap'
import { writeKeyOf } from '../gateway/config.ts'
import { gatewayUrl } from './gateway-address.ts'
import { readGenerateConfig } from './generate/config.ts'
import { readLoadtestConfig } from './k6/config.ts'

t.test('generate and loadtest go where the gateway\'s own settings say, as doctor does, unless an address is named', async t => {
  const flags = ['--gateway-port', '8555']
  t.equal(readGenerateConfig(new Date(0), flags).url, 'http://127.0.0.1:8555')
  t.equal(readLoadtestConfig(flags).url, 'http://127.0.0.1:8555')
  t.equal(readGenerateConfig(new Date(0), [...flags, '--url', 'http://127.0.0.1:9']).url, 'http://127.0.0.1:9')
  t.equal(readGenerateConfig(new Date(0), []).url, 'http://127.0.0.1:8000')
})

t.test('a gateway that listens on every address is reached by the loopback one', async t => {
  for (const host of ['0.0.0.0', '::']) t.equal(gatewayUrl({ FIRN_GATEWAY_HOST: host, FIRN_GATEWAY_PORT: 1 }), 'http://127.0.0.1:1')
  t.equal(gatewayUrl({ FIRN_GATEWAY_HOST: '::1', FIRN_GATEWAY_PORT: 1 }), 'http://[::1]:1')
  t.equal(gatewayUrl({ FIRN_GATEWAY_HOST: 'gateway', FIRN_GATEWAY_PORT: 8000 }), 'http://gateway:8000')
})

t.test('the first write key is the one that is sent', async t => {
  t.equal(writeKeyOf('shop:a-key:500,app:other'), 'a-key')
  t.equal(writeKeyOf(undefined), undefined)
})
