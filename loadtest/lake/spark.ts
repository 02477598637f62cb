// Spark with Iceberg's runtime, installed once into the cache: PySpark from PyPI, the jars from Maven. One call is one
// JVM and takes about a minute on a small machine.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fail } from '../errors.ts'
import type { LakeServers } from './servers.ts'

const sparkVersion = '4.0.5'
const icebergVersion = '1.11.0'
const installMsMax = 20 * 60_000
const callMsMax = 10 * 60_000

export interface Spark {
  /** Runs statements; what they printed. */
  run(servers: Pick<LakeServers, 'restUrl' | 's3'>, sql: string, folder: string): Promise<string>
}

/** Errors: LOADTEST_TOOL. */
export async function installSpark (say: (line: string) => void): Promise<Spark> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'firn')
  const home = join(cache, `spark-${sparkVersion}`)
  const jars = join(cache, `spark-iceberg-${icebergVersion}`)
  if (!existsSync(join(home, '.installed'))) {
    say(`installing Spark ${sparkVersion} into ${home} (once; 500 MB) …`)
    rmSync(home, { recursive: true, force: true })
    await tool('python3', ['-m', 'venv', home], installMsMax)
    await tool(join(home, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', '--no-input', `pyspark==${sparkVersion}`], installMsMax)
    writeFileSync(join(home, '.installed'), '')
  }
  if (!existsSync(join(jars, '.installed'))) {
    mkdirSync(jars, { recursive: true })
    for (const name of ['iceberg-spark-runtime-4.0_2.13', 'iceberg-aws-bundle']) {
      await tool('mvn', ['-B', '-q', '-C', 'dependency:copy', `-Dartifact=org.apache.iceberg:${name}:${icebergVersion}`, `-DoutputDirectory=${jars}`], installMsMax, jars)
    }
    writeFileSync(join(jars, '.installed'), '')
  }
  const lib = join(home, 'lib')
  const sparkHome = join(lib, readdirSync(lib)[0] ?? '', 'site-packages/pyspark')
  return {
    run: async ({ restUrl, s3 }, sql, folder) => {
      mkdirSync(folder, { recursive: true })
      const settings: Record<string, string> = {
        'spark.driver.host': '127.0.0.1',
        'spark.driver.bindAddress': '127.0.0.1',
        'spark.ui.enabled': 'false',
        'spark.sql.shuffle.partitions': '2',
        'spark.sql.catalogImplementation': 'in-memory',
        'spark.sql.warehouse.dir': join(folder, 'warehouse'),
        'spark.sql.session.timeZone': 'UTC',
        'spark.sql.extensions': 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
        'spark.sql.defaultCatalog': 'lake',
        'spark.sql.catalog.lake': 'org.apache.iceberg.spark.SparkCatalog',
        'spark.sql.catalog.lake.type': 'rest',
        'spark.sql.catalog.lake.uri': restUrl,
        'spark.sql.catalog.lake.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
        'spark.sql.catalog.lake.s3.endpoint': s3.url,
        'spark.sql.catalog.lake.s3.path-style-access': 'true',
        'spark.sql.catalog.lake.s3.access-key-id': s3.key,
        'spark.sql.catalog.lake.s3.secret-access-key': s3.secret,
        'spark.sql.catalog.lake.client.region': 'us-east-1'
      }
      const jarFiles = readdirSync(jars).filter(name => name.endsWith('.jar')).map(name => join(jars, name)).join(',')
      return await tool(join(sparkHome, 'bin/spark-sql'), [
        '--master', 'local[2]', '--driver-memory', '1g', '--jars', jarFiles,
        ...Object.entries(settings).flatMap(([name, value]) => ['--conf', `${name}=${value}`]), '-e', sql
      ], callMsMax, folder, { SPARK_HOME: sparkHome, AWS_REGION: 'us-east-1', SPARK_LOCAL_IP: '127.0.0.1' })
    }
  }
}

async function tool (command: string, words: readonly string[], msMax: number, cwd?: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const child = spawn(command, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: msMax, killSignal: 'SIGKILL', ...cwd === undefined ? {} : { cwd } })
  const printed = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { printed.out = (printed.out + chunk).slice(-100_000) })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { printed.err = (printed.err + chunk).slice(-20_000) })
  const { promise, resolve } = Promise.withResolvers<string | null>()
  child.once('error', error => { resolve(error.message) })
  child.once('close', (code, signal) => { resolve(code === 0 ? null : `it ended with ${code ?? signal}`) })
  const reason = await promise
  if (reason === null) return printed.out
  const telling = (printed.err + printed.out).split('\n').filter(line => /error|exception|cannot/i.test(line)).slice(0, 3).join(' | ')
  throw fail('LOADTEST_TOOL', { tool: command.split('/').at(-1), reason: `${reason}: ${telling.slice(0, 500)}` })
}
