// Apache Kafka, one KRaft node with deploy/kafka/server.properties: plaintext on the port (super user), the controller
// one above, SASL two above. Users: SCRAM gateway/gateway-secret without rights, admin/admin-secret (super user), PLAIN
// plainuser/plain-secret without rights. Its folder is formatted once, so that a restart keeps the cluster's id.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchJars } from './downloads.ts'
import { findJava } from './java.ts'
import { accepts, demandFreePort } from './running.ts'
import { runTool } from './run-tool.ts'
import type { Server } from './server.ts'

const settingsDir = join(import.meta.dirname, '../kafka')
const scramUsers = { gateway: 'gateway-secret', writer: 'writer-secret', admin: 'admin-secret' }
const plainUser = { name: 'plainuser', password: 'plain-secret' }

export const kafka: Server = {
  ports: 3,
  async prepare () {
    await findJava('kafka', 17)
    await fetchJars('kafka')
  },
  async describe ({ dir, port, settings }) {
    const java = await findJava('kafka', 17)
    const jars = await fetchJars('kafka')
    for (const one of [port + 1, port + 2]) await demandFreePort('kafka', one)
    const properties = join(dir, 'server.properties')
    const common = ['-cp', `${jars}/*`, `-Dlog4j2.configurationFile=${join(settingsDir, 'log4j2.yaml')}`, '-Djava.awt.headless=true']
    writeFileSync(properties, propertiesOf(dir, port, settings.advertisedPort))
    if (!existsSync(join(dir, 'kafka-data/meta.properties'))) {
      const users = Object.entries(scramUsers).flatMap(([name, password]) => ['--add-scram', `SCRAM-SHA-256=[name=${name},password=${password}]`, '--add-scram', `SCRAM-SHA-512=[name=${name},password=${password}]`])
      await runTool(java, ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', ...common, '-Dlog4j2.level=WARN', 'kafka.tools.StorageTool', 'format', '-c', properties, '-t', clusterId(), ...users], { what: 'Kafka\'s folder' })
    }
    const heap = settings.heapMiB ?? 512
    return {
      url: `127.0.0.1:${port}`,
      command: java,
      args: [`-Xmx${heap}m`, `-Xms${Math.min(heap, 256)}m`, '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', ...common, 'kafka.Kafka', properties],
      env: {},
      testEnv: { TEST_KAFKA: `127.0.0.1:${port}`, TEST_KAFKA_SASL: `127.0.0.1:${port + 2}` },
      ready: async logFile => readFileSync(logFile, 'utf8').includes('Kafka Server started') && await accepts(port)
    }
  }
}

/** What deploy/kafka/server.properties leaves to whoever starts it. */
export function propertiesOf (dir: string, port: number, advertisedPort = port): string {
  const user = plainUser
  return `${readFileSync(join(settingsDir, 'server.properties'), 'utf8')}
controller.quorum.voters=1@127.0.0.1:${port + 1}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},SASL_PLAINTEXT://127.0.0.1:${port + 2}
advertised.listeners=PLAINTEXT://127.0.0.1:${advertisedPort},SASL_PLAINTEXT://127.0.0.1:${port + 2}
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${user.name}="${user.password}";
log.dirs=${join(dir, 'kafka-data')}
`
}

/** 16 random bytes; Kafka does not take an id that begins with a dash. */
function clusterId (): string {
  return `F${Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url').slice(1, 21)}A`
}
