// versitygw: S3 over a folder, one bucket made before it starts. Its conditional writes have exactly one winner, as
// Amazon's have. Besides the owner there is a user who may only read the bucket, for tests of what a refusal says.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { S3Client, PutBucketPolicyCommand } from '@aws-sdk/client-s3'
import { buildGo } from './downloads.ts'
import { answers, s3Defaults, type Server } from './server.ts'

/** A user of the S3 server who may read and list, not write. */
export const readOnlyUser = { key: 'readerkey', secret: 'readersecret12' } as const

export const s3: Server = {
  ports: 1,
  prepare: async () => { await buildGo('versitygw') },
  async describe ({ dir, port, settings }) {
    const { s3Key = s3Defaults.key, s3Secret = s3Defaults.secret, bucket = s3Defaults.bucket } = settings
    const url = `http://127.0.0.1:${port}`
    const [data, users] = [join(dir, 's3-data'), join(dir, 's3-users')]
    mkdirSync(join(data, bucket), { recursive: true })
    mkdirSync(users, { recursive: true })
    const reader = { access: readOnlyUser.key, secret: readOnlyUser.secret, role: 'user', userID: 0, groupID: 0, projectID: 0 }
    writeFileSync(join(users, 'users.json'), JSON.stringify({ accessAccounts: { [reader.access]: reader } }))
    return {
      url,
      command: await buildGo('versitygw'),
      args: ['--port', `127.0.0.1:${port}`, '--region', s3Defaults.region, '--quiet', '--health', '/healthz', '--iam-dir', users, 'posix', data],
      env: { ROOT_ACCESS_KEY: s3Key, ROOT_SECRET_KEY: s3Secret },
      testEnv: { TEST_S3: url, TEST_S3_KEY: s3Key, TEST_S3_SECRET: s3Secret, TEST_S3_READER_KEY: readOnlyUser.key, TEST_S3_READER_SECRET: readOnlyUser.secret },
      ready: async () => await answers(`${url}/healthz`),
      afterStart: async () => { await allowReading(url, { accessKeyId: s3Key, secretAccessKey: s3Secret }, bucket) }
    }
  }
}

async function allowReading (endpoint: string, credentials: { accessKeyId: string, secretAccessKey: string }, bucket: string): Promise<void> {
  const client = new S3Client({ endpoint, credentials, region: s3Defaults.region, forcePathStyle: true })
  const resource = `arn:aws:s3:::${bucket}`
  const statement = { Effect: 'Allow', Principal: { AWS: [readOnlyUser.key] } }
  const policy = {
    Version: '2012-10-17',
    Statement: [{ ...statement, Action: ['s3:GetObject'], Resource: [`${resource}/*`] }, { ...statement, Action: ['s3:ListBucket'], Resource: [resource] }]
  }
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }))
  client.destroy()
}
