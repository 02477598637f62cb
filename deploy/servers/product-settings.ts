// The product's settings for a set of servers: what `npm run servers` prints and docker-compose.yml gives our services
// (apart from host names; a test compares them).

import { s3Defaults } from './server.ts'

export interface Addresses {
  readonly kafka?: string
  readonly s3?: string
  readonly 'iceberg-rest'?: string
  readonly trino?: string
}

/** FIRN_… name → value, for the servers whose address is given. */
export function productSettings ({ kafka, s3, 'iceberg-rest': rest, trino }: Addresses): Record<string, string> {
  return {
    ...kafka === undefined ? {} : { FIRN_LOG_URL: `kafka://${kafka}`, FIRN_LOG_PARTITIONS: '6' },
    ...rest === undefined ? {} : { FIRN_CATALOG_URL: rest },
    ...s3 === undefined
      ? {}
      : {
          FIRN_WAREHOUSE_URL: `s3://${s3Defaults.bucket}/warehouse`,
          FIRN_S3_ENDPOINT: s3,
          FIRN_S3_REGION: s3Defaults.region,
          FIRN_S3_PATH_STYLE: 'true',
          FIRN_S3_ACCESS_KEY_ID: s3Defaults.key,
          FIRN_S3_SECRET_ACCESS_KEY: s3Defaults.secret
        },
    ...trino === undefined ? {} : { FIRN_QUERY_URL: trino.replace(/^http/, 'trino') }
  }
}
