// One line about the native Kafka client, asked only where FIRN_LOG_URL names Kafka: does it load under this Node, and
// can it do what brokers ask for? Loaded in a process of its own, since a broken binary can end the one that loads it.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Finding } from './doctor.ts'

const what = 'Kafka client'
const loadMsMax = 30_000
const neededFeatures = ['zstd', 'ssl', 'sasl_scram', 'sasl_oauthbearer']
const script = "const k = require('@confluentinc/kafka-javascript'); console.log(JSON.stringify([k.librdkafkaVersion, k.features]))"

export async function checkKafkaClient (): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: import.meta.dirname, timeout: loadMsMax })
    const [version, features] = JSON.parse(stdout) as [string, string[]]
    const missing = neededFeatures.filter(feature => !features.includes(feature))
    if (missing.length === 0) return { what, state: 'ok', detail: `librdkafka ${version} loads under Node ${process.versions.node}` }
    return { what, state: 'warn', detail: `librdkafka ${version} was built without ${missing.join(', ')}: npm run setup:kafka builds it anew` }
  } catch {
    return { what, state: 'fail', detail: `does not load under Node ${process.versions.node}: npm run setup:kafka fetches or builds it (the embedded log needs none)` }
  }
}
