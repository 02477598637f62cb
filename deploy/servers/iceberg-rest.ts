// Apache Iceberg's own REST catalog (the server of its test fixtures) on SQLite, its tables on S3; on request with
// OAuth2 client credentials. Our launcher (iceberg-rest/CatalogProcess.java) differs from theirs in the address it
// listens on: loopback. It is compiled by Eclipse's compiler, since a machine may have a Java runtime and no more.

import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { fetchJars } from './downloads.ts'
import { findJava } from './java.ts'
import { runTool } from './run-tool.ts'
import { answers, s3Defaults, type Server } from './server.ts'

const source = join(import.meta.dirname, 'iceberg-rest/CatalogProcess.java')
const javaMin = 17

export const icebergRest: Server = {
  ports: 1,
  prepare: async () => { await compiled() },
  async describe ({ dir, port, settings }) {
    const url = `http://127.0.0.1:${port}`
    const { s3Url = s3Defaults.url, s3Key = s3Defaults.key, s3Secret = s3Defaults.secret, bucket = s3Defaults.bucket, warehouse = `s3://${bucket}/warehouse`, heapMiB = 256 } = settings
    return {
      url,
      command: await findJava('iceberg-rest', javaMin),
      args: ['-Xms64m', `-Xmx${heapMiB}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${await compiled()}:${await fetchJars('iceberg-rest')}/*`, 'org.apache.iceberg.rest.CatalogProcess'],
      env: {
        ...catalogEnv({ s3Url, s3Key, s3Secret, warehouse }),
        CATALOG_URI: `jdbc:sqlite:file:${join(dir, 'iceberg-rest.sqlite')}`,
        CATALOG_REST_PORT: String(port),
        ...settings.vendCredentials === true ? { CATALOG_INCLUDE__CREDENTIALS: 'true' } : {},
        ...settings.oauthCredential === undefined ? {} : { REST_CREDENTIAL: settings.oauthCredential, REST_TOKEN_SECONDS: String(settings.oauthTokenSeconds ?? 3600) }
      },
      testEnv: { TEST_REST: url },
      ready: async () => await answers(`${url}/v1/config`, {}, answer => answer.ok || answer.status === 401)
    }
  }
}

/** The catalog's settings, in the names of Iceberg's fixture: docker-compose.yml has the same. */
export function catalogEnv ({ s3Url, s3Key, s3Secret, warehouse }: { s3Url: string, s3Key: string, s3Secret: string, warehouse: string }): Record<string, string> {
  return {
    CATALOG_CATALOG__IMPL: 'org.apache.iceberg.jdbc.JdbcCatalog',
    CATALOG_JDBC_USER: 'firn',
    CATALOG_JDBC_PASSWORD: 'firn',
    CATALOG_JDBC_SCHEMA__VERSION: 'V1',
    CATALOG_WAREHOUSE: warehouse,
    CATALOG_IO__IMPL: 'org.apache.iceberg.aws.s3.S3FileIO',
    CATALOG_S3_ENDPOINT: s3Url,
    CATALOG_S3_PATH__STYLE__ACCESS: 'true',
    CATALOG_S3_ACCESS__KEY__ID: s3Key,
    CATALOG_S3_SECRET__ACCESS__KEY: s3Secret,
    CATALOG_CLIENT_REGION: s3Defaults.region,
    AWS_REGION: s3Defaults.region
  }
}

async function compiled (): Promise<string> {
  const java = await findJava('iceberg-rest', javaMin)
  const jars = await fetchJars('iceberg-rest')
  const recipe = createHash('sha256').update(readFileSync(source)).update(jars).digest('hex').slice(0, 12)
  return await cached(`iceberg-rest-classes-${recipe}`, async folder => {
    const compiler = await fetchJars('ecj')
    await runTool(java, ['-cp', `${compiler}/*`, 'org.eclipse.jdt.internal.compiler.batch.Main', '--release', '17', '-nowarn', '-cp', classPath(jars), '-d', folder, source], { what: 'CatalogProcess.java' })
  })
}

/** Eclipse's compiler knows no `folder/*`. */
function classPath (jars: string): string {
  return readdirSync(jars).filter(name => name.endsWith('.jar')).map(name => join(jars, name)).join(':')
}
