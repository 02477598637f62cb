import t from 'tap'
import { brokersOf, clientConfig, type KafkaSettings } from './connection.ts'

const brokers = 'one:9092'

t.test('an address names one or more brokers with their ports and nothing else', async t => {
  t.equal(brokersOf('kafka://one:9092'), 'one:9092')
  t.equal(brokersOf('kafka://one:9092,two.example.com:9093,[::1]:9094/'), 'one:9092,two.example.com:9093,[::1]:9094')
  for (const url of ['kafka://', 'kafka://one', 'kafka://one:9092,', 'kafka://one:9092/topic', 'kafka://user:pass@one:9092', 'kafka://one:9092?acks=1']) {
    t.throws(() => brokersOf(url), { code: 'LOG_URL_UNSUPPORTED' }, url)
  }
})

t.test('without a mechanism nobody logs in, with TLS the connection is encrypted', async t => {
  t.match(clientConfig(brokers, {}), { 'metadata.broker.list': brokers, 'security.protocol': 'plaintext', 'reconnect.backoff.ms': 100, 'reconnect.backoff.max.ms': 1000 })
  t.notOk('sasl.mechanisms' in clientConfig(brokers, {}))
  t.equal(clientConfig(brokers, { tls: true })['security.protocol'], 'ssl')
})

t.test('PLAIN and SCRAM bring user and password, with and without TLS', async t => {
  for (const saslMechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    const login = { saslMechanism, username: 'me', password: 'secret' }
    t.match(clientConfig(brokers, login), { 'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': saslMechanism, 'sasl.username': 'me', 'sasl.password': 'secret' })
    t.equal(clientConfig(brokers, { ...login, tls: true })['security.protocol'], 'sasl_ssl')
  }
})

t.test('a bearer token is asked for when the client wants one; MSK is always encrypted', async t => {
  const oauth = clientConfig(brokers, { saslMechanism: 'OAUTHBEARER', oauthTokenUrl: 'http://127.0.0.1:1/', oauthClientId: 'a', oauthClientSecret: 'b' })
  t.match(oauth, { 'sasl.mechanisms': 'OAUTHBEARER', 'security.protocol': 'sasl_plaintext', 'oauthbearer_token_refresh_cb': Function })
  t.match(clientConfig(brokers, { saslMechanism: 'AWS_MSK_IAM', awsRegion: 'eu-west-1' }), { 'sasl.mechanisms': 'OAUTHBEARER', 'security.protocol': 'sasl_ssl', 'oauthbearer_token_refresh_cb': Function })
})

t.test('certificates are read from their files and turn TLS on', async t => {
  const folder = t.testdir({ 'ca.pem': 'CA', 'cert.pem': 'CERT', 'key.pem': 'KEY' })
  t.match(clientConfig(brokers, { tlsCaFile: `${folder}/ca.pem`, tlsCertFile: `${folder}/cert.pem`, tlsKeyFile: `${folder}/key.pem` }), { 'security.protocol': 'ssl', 'ssl.ca.pem': 'CA', 'ssl.certificate.pem': 'CERT', 'ssl.key.pem': 'KEY' })
  t.throws(() => clientConfig(brokers, { tlsCaFile: `${folder}/none.pem` }), { code: 'LOG_SETTING', message: /FIRN_KAFKA_TLS_CA_FILE is .*none.pem.*readable PEM/ })
})

t.test('what a mechanism needs and is not set is named before anything is connected', async t => {
  const lacking: [KafkaSettings, string][] = [
    [{ saslMechanism: 'PLAIN', password: 'secret' }, 'FIRN_KAFKA_USERNAME'],
    [{ saslMechanism: 'SCRAM-SHA-512', username: 'me' }, 'FIRN_KAFKA_PASSWORD'],
    [{ saslMechanism: 'OAUTHBEARER', oauthClientId: 'a', oauthClientSecret: 'b' }, 'FIRN_KAFKA_OAUTH_TOKEN_URL'],
    [{ saslMechanism: 'OAUTHBEARER', oauthTokenUrl: 'http://127.0.0.1:1/', oauthClientSecret: 'b' }, 'FIRN_KAFKA_OAUTH_CLIENT_ID'],
    [{ saslMechanism: 'OAUTHBEARER', oauthTokenUrl: 'http://127.0.0.1:1/', oauthClientId: 'a' }, 'FIRN_KAFKA_OAUTH_CLIENT_SECRET'],
    [{ saslMechanism: 'AWS_MSK_IAM' }, 'FIRN_KAFKA_AWS_REGION']
  ]
  for (const [settings, name] of lacking) t.throws(() => clientConfig(brokers, settings), { code: 'LOG_SETTING', message: new RegExp(`${name} is not set.*${settings.saslMechanism}`) }, name)
})
