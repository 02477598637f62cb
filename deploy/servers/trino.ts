// Trino with its Iceberg connector only, on the settings of deploy/trino/ that compose mounts as well. Addresses and
// keys reach its files by the environment, as ${ENV:NAME}; a catalog whose variables are not all known here is left out.
// Needs Java 24 or newer.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cached } from './cache.ts'
import { fetchFile } from './downloads.ts'
import { findJava } from './java.ts'
import { runTool } from './run-tool.ts'
import { answers, s3Defaults, type Server, type ServerSettings } from './server.ts'
import { versions } from './versions.ts'

const javaMin = 24
const settingsDir = join(import.meta.dirname, '../trino')
/** Parts of the distribution that Iceberg on S3 does not need: 330 MB. */
const unneeded = ['exchange-filesystem', 'functions-python', 'geospatial', 'resource-group-managers', 'session-property-managers', 'spooling-filesystem']
const unneededJars = /^(net\.snowflake_snowflake-jdbc-|org\.rocksdb_)/

export const trino: Server = {
  ports: 2,
  async prepare () {
    await findJava('trino', javaMin)
    await distribution()
  },
  async describe ({ dir, port, settings }) {
    const home = await distribution()
    const url = `http://127.0.0.1:${port}`
    const env = environmentOf(settings)
    const catalogs = join(dir, 'catalog')
    copyCatalogs(catalogs, env)
    const properties = {
      'http-server.http.port': port,
      'discovery.uri': url,
      'node.environment': 'firn',
      'node.id': createHash('sha256').update(dir).digest('hex').slice(0, 16),
      'node.data-dir': join(dir, 'data'),
      'node.bind-ip': '127.0.0.1',
      'node.internal-address': '127.0.0.1',
      'plugin.dir': join(home, 'plugin'),
      'catalog.config-dir': catalogs,
      config: join(settingsDir, 'config.properties'),
      'log.levels-file': join(settingsDir, 'log.properties')
    }
    const java = await findJava('trino', javaMin)
    return {
      url,
      command: java,
      args: [`-Xmx${settings.heapMiB ?? 1280}m`, ...jvmFlags(java), ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`), '-cp', `${home}/lib/*`, 'io.trino.server.TrinoServer'],
      env,
      testEnv: { TEST_TRINO: url },
      ready: async () => await answers(`${url}/v1/info`, {}, async answer => answer.ok && !(await answer.json() as { starting: boolean }).starting),
      readyMsMax: 180_000
    }
  }
}

/** The flags of deploy/trino/jvm.config but for the heap, and those that make a small Trino start quickly. */
function jvmFlags (java: string): string[] {
  const lines = readFileSync(join(settingsDir, 'jvm.config'), 'utf8').split('\n').map(line => line.trim())
  const modules = execFileSync(java, ['--list-modules'], { encoding: 'utf8' })
  const isFitting = (flag: string): boolean => {
    if (flag.startsWith('--add-modules=')) return modules.includes(flag.slice('--add-modules='.length)) // faster with it, but small runtimes go without
    return flag.startsWith('-') && !/^-Xm[xs]|^-XX:(\+Use\w+GC|InitialRAMPercentage|MaxRAMPercentage)/.test(flag)
  }
  const flags = lines.filter(isFitting)
  return [...flags, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
}

function environmentOf ({ s3Url = s3Defaults.url, s3Key = s3Defaults.key, s3Secret = s3Defaults.secret, restUrl, glueUrl }: ServerSettings): Record<string, string> {
  return {
    S3_ENDPOINT: s3Url,
    S3_ACCESS_KEY: s3Key,
    S3_SECRET_KEY: s3Secret,
    ...restUrl === undefined ? {} : { REST_URI: restUrl },
    ...glueUrl === undefined ? {} : { GLUE_ENDPOINT: glueUrl }
  }
}

function copyCatalogs (to: string, env: Readonly<Record<string, string>>): void {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to, { recursive: true })
  const from = join(settingsDir, 'catalog')
  for (const name of readdirSync(from).filter(name => name.endsWith('.properties'))) {
    const wanted = [...readFileSync(join(from, name), 'utf8').matchAll(/\$\{ENV:(\w+)\}/g)].map(([, variable]) => variable!)
    if (wanted.every(variable => variable in env)) copyFileSync(join(from, name), join(to, name))
  }
}

async function distribution (): Promise<string> {
  return await cached(`trino-${versions.trino}`, async folder => {
    const [server, iceberg] = [await fetchFile('trino-server', folder), await fetchFile('trino-iceberg', folder)]
    await runTool('tar', ['-xzf', server, '-C', folder, '--strip-components=1'], { what: 'Trino' })
    // Python is needed for other servers as well, unzip for nothing else.
    await runTool('python3', ['-m', 'zipfile', '-e', iceberg, join(folder, 'plugin')], { what: 'Trino\'s Iceberg connector' })
    renameSync(join(folder, 'plugin', `trino-iceberg-${versions.trino}`), join(folder, 'plugin/iceberg'))
    for (const archive of [server, iceberg]) rmSync(dirname(archive), { recursive: true })
    for (const name of unneeded) rmSync(join(folder, 'plugin', name), { recursive: true, force: true })
    for (const name of readdirSync(join(folder, 'plugin/iceberg'))) if (unneededJars.test(name)) rmSync(join(folder, 'plugin/iceberg', name))
  })
}
