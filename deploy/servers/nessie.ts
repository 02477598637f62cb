// Project Nessie: the second dialect of the Iceberg REST catalog (a prefix, suffixed locations, only the current
// snapshot). Versions live in memory: a restart forgets its tables.

import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { fetchFile } from './downloads.ts'
import { findJava } from './java.ts'
import { answers, s3Defaults, type Server } from './server.ts'
import { versions } from './versions.ts'

const javaMin = 21

export const nessie: Server = {
  ports: 2,
  async prepare () {
    await findJava('nessie', javaMin)
    await jar()
  },
  async describe ({ port, settings }) {
    const url = `http://127.0.0.1:${port}/iceberg`
    const { s3Url = s3Defaults.url, s3Key = s3Defaults.key, s3Secret = s3Defaults.secret, bucket = s3Defaults.bucket, warehouse = `s3://${bucket}/nessie`, heapMiB = 384 } = settings
    const bucketOptions = 'nessie.catalog.service.s3.default-options'
    const properties = {
      'quarkus.http.host': '127.0.0.1',
      'quarkus.http.port': port,
      'quarkus.management.host': '127.0.0.1',
      'quarkus.management.port': port + 1,
      'nessie.version.store.type': 'IN_MEMORY',
      'nessie.catalog.default-warehouse': 'warehouse',
      'nessie.catalog.warehouses.warehouse.location': warehouse,
      [`${bucketOptions}.endpoint`]: s3Url,
      [`${bucketOptions}.region`]: s3Defaults.region,
      [`${bucketOptions}.path-style-access`]: true,
      [`${bucketOptions}.auth-type`]: 'STATIC',
      [`${bucketOptions}.access-key`]: 'urn:nessie-secret:quarkus:local.s3',
      'quarkus.otel.sdk.disabled': true,
      'quarkus.log.level': 'WARN'
    }
    return {
      url,
      command: await findJava('nessie', javaMin),
      args: [`-Xmx${heapMiB}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`), '-jar', await jar()],
      // By the environment, since a command line is there for everybody to read.
      env: { LOCAL_S3_NAME: s3Key, LOCAL_S3_SECRET: s3Secret },
      testEnv: { TEST_NESSIE: url },
      ready: async () => await answers(`${url}/v1/config`),
      readyMsMax: 120_000
    }
  }
}

async function jar (): Promise<string> {
  const folder = await cached(`nessie-${versions.nessie}`, async folder => { renameSync(await fetchFile('nessie', folder), join(folder, 'nessie.jar')) })
  return join(folder, 'nessie.jar')
}
