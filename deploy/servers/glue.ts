// AWS Glue's API for tests: moto behind our own front (glue-locks.ts), which adds what moto lacks: a version id is a lock.

import { join } from 'node:path'
import { buildTarget } from './downloads.ts'
import { answers, s3Defaults, type Server } from './server.ts'
import { versions } from './versions.ts'

const requirements = join(import.meta.dirname, 'moto-requirements.txt')

export const glue: Server = {
  ports: 2,
  prepare: async () => { await packages() },
  async describe ({ port, settings }) {
    const url = `http://127.0.0.1:${port}`
    const key = settings.glueKey ?? 'x'
    return {
      url,
      command: process.execPath,
      args: [join(import.meta.dirname, 'glue-locks.ts'), String(port), String(port + 1), ...settings.glueKey === undefined ? [] : [settings.glueKey]],
      env: { PYTHONPATH: await packages(), AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_DEFAULT_REGION: s3Defaults.region },
      testEnv: { TEST_GLUE: url },
      ready: async () => await answers(url, {
        method: 'POST',
        headers: { 'x-amz-target': 'AWSGlue.GetDatabases', 'content-type': 'application/x-amz-json-1.1', authorization: `AWS4-HMAC-SHA256 Credential=${key}/20240101/${s3Defaults.region}/glue/aws4_request, SignedHeaders=host, Signature=0` },
        body: '{}'
      })
    }
  }
}

async function packages (): Promise<string> {
  return await buildTarget(`moto-${versions.moto}`, ['-r', requirements])
}
