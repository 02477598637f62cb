/**
 * The registry of everything that can go wrong in the table layer: code, message, whether trying again can help, HTTP status.
 *
 * A message names what failed, the value, and what to do. `{name}` places are filled from `values`. The embedded server has its own
 * error types (the REST specification's); this registry is what callers of the library see.
 */
export const catalogErrors = {
  CATALOG_NO_SUCH_TABLE: { message: 'table {table} does not exist in the catalog: create it, or check its name and FIRN_CATALOG_URL', retryable: false, httpStatus: 404 },
  CATALOG_TABLE_UNUSABLE: { message: 'table {table} cannot be used, says the catalog at {url}: {reason}', retryable: false, httpStatus: 503 },
  CATALOG_NAME_REFUSED: { message: '\'{name}\' cannot be the name of a namespace or table here: no address can hold it', retryable: false, httpStatus: 400 },
  CATALOG_NO_SUCH_NAMESPACE: { message: 'namespace {namespace} does not exist in the catalog: create it first', retryable: false, httpStatus: 404 },
  CATALOG_ALREADY_EXISTS: { message: '{what} already exists in the catalog: load it instead', retryable: false, httpStatus: 409 },
  CATALOG_UNREACHABLE: { message: 'the catalog at {url} did not answer ({reason}): check that it runs and that FIRN_CATALOG_URL is right', retryable: true, httpStatus: 503 },
  CATALOG_THROTTLED: { message: 'the catalog at {url} asks to slow down: try again in {retryAfterMs} ms', retryable: true, httpStatus: 429 },
  CATALOG_UNAUTHORIZED: { message: 'the catalog at {url} refused the credentials ({reason}): check them, and what they are allowed to do', retryable: false, httpStatus: 401 },
  CATALOG_TOKEN_REFUSED: { message: 'the token endpoint {url} gave no token ({reason}): check FIRN_CATALOG_OAUTH_CLIENT_ID, its secret, FIRN_CATALOG_OAUTH_SCOPE and FIRN_CATALOG_OAUTH_TOKEN_URL', retryable: false, httpStatus: 401 },
  CATALOG_TOKEN_UNREACHABLE: { message: 'the token endpoint {url} did not answer ({reason}): check that it runs and that FIRN_CATALOG_OAUTH_TOKEN_URL is right', retryable: true, httpStatus: 503 },
  CATALOG_TOKEN_EXPIRED: { message: 'the catalog at {url} says that the token has expired ({reason}), and it could not be renewed: set a new FIRN_CATALOG_TOKEN, or FIRN_CATALOG_OAUTH_CLIENT_ID to have tokens renewed', retryable: false, httpStatus: 401 },
  CATALOG_CREDENTIALS_MISSING: { message: 'no AWS credentials for the catalog at {url} ({reason}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this process an AWS profile or role', retryable: false, httpStatus: 401 },
  CATALOG_CREDENTIALS_EXPIRED: { message: 'the AWS credentials for the catalog at {url} have expired ({reason}): renew them where they come from', retryable: true, httpStatus: 401 },
  CATALOG_DENIED: { message: 'the credentials may not do {request} on the catalog at {url} ({reason}): allow it to them (SECURITY.md lists what each service needs), or use others', retryable: false, httpStatus: 403 },
  CATALOG_LAKE_FORMATION_DENIED: { message: 'AWS Lake Formation does not let the credentials do {request} ({reason}): grant the role SELECT, INSERT, DELETE, DESCRIBE and ALTER on the table and access to its location in Lake Formation; IAM alone is not enough there', retryable: false, httpStatus: 403 },
  CATALOG_NOT_ICEBERG: { message: 'table {table} in the catalog at {url} is not an Iceberg table (no metadata_location): choose another name, or drop it', retryable: false, httpStatus: 400 },
  CATALOG_NAME_UNSUPPORTED: { message: '{name} cannot be a name in the catalog at {url}: AWS Glue takes one level of namespace and names of a-z, 0-9 and _', retryable: false, httpStatus: 400 },
  CATALOG_LOCATION_MISSING: { message: 'nobody says where table {table} shall lie: set FIRN_WAREHOUSE_URL, or give its Glue database a location', retryable: false, httpStatus: 400 },
  CATALOG_STORAGE_MISSING: { message: 'the catalog at {url} keeps only pointers: it needs a storage that reads and writes metadata files', retryable: false, httpStatus: 500 },
  CATALOG_PURGE_UNSUPPORTED: { message: 'AWS Glue does not delete the files of table {table}: drop it without purge, then delete its folder', retryable: false, httpStatus: 501 },
  CATALOG_REFUSED: { message: 'the catalog at {url} refused {request} with status {status}: {reason}', retryable: false, httpStatus: 400 },
  CATALOG_BAD_REPLY: { message: 'the catalog at {url} gave a reply to {request} that cannot be used ({reason}): is this an Iceberg REST catalog, or Glue?', retryable: true, httpStatus: 502 },
  CATALOG_URL_UNSUPPORTED: { message: '{url} is not a catalog address that this version knows: use http://host:port, https://host or glue://region', retryable: false, httpStatus: 400 },
  CATALOG_COMMIT_UNKNOWN: { message: 'whether the commit of snapshot {snapshotId} to {table} landed could not be found out within {unknownMsMax} ms: no file was deleted; restart when the catalog answers again', retryable: true, httpStatus: 503 },
  CATALOG_COMMIT_CONFLICTS: { message: 'the commit to {table} lost against other committers {attempts} times in a row (limit {attemptsMax}), last: {reason}', retryable: true, httpStatus: 503 },
  CATALOG_TABLE_REPLACED: { message: 'table {table} is no longer the table it was: its uuid was {expected} and is {found}; nothing is written to the new one', retryable: false, httpStatus: 409 },
  CATALOG_METADATA_DAMAGED: { message: '{location} cannot be read as {what} ({reason}): put the file back from a backup; or stop the line, and `npm run repair` names the newest metadata file of the table that reads', retryable: false, httpStatus: 500 },
  CATALOG_DATA_DAMAGED: { message: '{location} cannot be read as a data file ({reason}): put the file back from a backup; or stop the line, and `npm run repair -- --without {location}` names the newest metadata file of the table that reads without it', retryable: false, httpStatus: 500 },
  CATALOG_FORMAT_UNSUPPORTED: { message: '{location} uses {feature}, which this version does not support: {advice}', retryable: false, httpStatus: 501 },
  CATALOG_SCHEMA_CHANGE_REFUSED: { message: 'column {column} cannot change like this: {reason}', retryable: false, httpStatus: 400 },
  CATALOG_PARTITION_REFUSED: { message: 'a table cannot be partitioned by {transform} of column {column}: {reason}', retryable: false, httpStatus: 400 },
  CATALOG_SPEC_UNKNOWN: { message: 'partition spec {specId} of a data file is not in table {table}: write the file again with the current spec', retryable: false, httpStatus: 409 },
  CATALOG_SNAPSHOT_UNKNOWN: { message: 'snapshot {snapshotId} is not in table {table}: it was expired, or it belongs to another table', retryable: false, httpStatus: 404 },
  CATALOG_DELETE_FILES: { message: 'table {table} has {count} delete files, and {location} cannot be applied ({reason}): let the engine that wrote it rewrite the data files without deletes (rewrite_data_files, OPTIMIZE), or roll the table back', retryable: false, httpStatus: 501 },
  CATALOG_PROPERTY_UNSUPPORTED: { message: 'table property {property}={value} asks for something that this version does not do: {advice}', retryable: false, httpStatus: 501 },
  CATALOG_STATISTICS_UNREADABLE: { message: 'the statistics of {location} cannot be read ({reason}): the file was not written by COPY … RETURN_STATS', retryable: false, httpStatus: 500 },
  STORAGE_URL_UNSUPPORTED: { message: '{url} is not a storage address that this version knows: use file:///path or s3://bucket/prefix', retryable: false, httpStatus: 400 },
  STORAGE_FULL: { message: 'no space left while writing {location}: free space on that disk; nothing that was committed before is lost', retryable: true, httpStatus: 507 },
  STORAGE_UNWRITABLE: { message: '{location} cannot be written ({reason}): check that the folder exists, its permissions and the disk', retryable: true, httpStatus: 503 },
  STORAGE_EXISTS: { message: '{location} exists already and is never overwritten', retryable: false, httpStatus: 409 },
  STORAGE_NOT_FOUND: { message: '{location} does not exist: a file that the table names is missing: put it back from a backup; or stop the line, and `npm run repair` names the newest metadata file of the table that reads', retryable: false, httpStatus: 404 },
  STORAGE_UNREADABLE: { message: '{location} cannot be read ({reason})', retryable: true, httpStatus: 503 },
  STORAGE_UNREACHABLE: { message: 'the storage at {endpoint} did not answer ({reason}), tried {attemptsMax} times: check that it runs and that FIRN_S3_ENDPOINT is right', retryable: true, httpStatus: 503 },
  STORAGE_THROTTLED: { message: 'the storage at {endpoint} asks to slow down ({reason}), tried {attemptsMax} times: try again later, or spread the load over more prefixes', retryable: true, httpStatus: 503 },
  STORAGE_BUCKET_MISSING: { message: 'bucket {bucket} does not exist at {endpoint}: create it, or correct FIRN_WAREHOUSE_URL', retryable: false, httpStatus: 404 },
  STORAGE_DENIED: { message: 'the credentials may not {action} {location} ({reason}): allow it to them, or use others; where they may not list the bucket a missing file looks like this too', retryable: false, httpStatus: 403 },
  STORAGE_CREDENTIALS_WRONG: { message: 'the storage at {endpoint} does not accept the credentials ({reason}): check FIRN_S3_ACCESS_KEY_ID and its secret, and the clock of this machine', retryable: false, httpStatus: 401 },
  STORAGE_CREDENTIALS_EXPIRED: { message: 'the credentials for {location} have expired ({reason}): renew them where they come from', retryable: true, httpStatus: 401 },
  STORAGE_CREDENTIALS_MISSING: { message: 'no credentials for {location} ({reason}): set FIRN_S3_ACCESS_KEY_ID and its secret, or give this process an AWS profile or role', retryable: false, httpStatus: 401 },
  STORAGE_REGION_WRONG: { message: 'bucket {bucket} is in another region ({reason}): correct FIRN_S3_REGION', retryable: false, httpStatus: 400 },
  STORAGE_UNDELETED: { message: '{count} of {total} files could not be deleted, the first {location} ({reason}): check the permissions of the credentials', retryable: true, httpStatus: 503 }
} as const satisfies Record<string, { message: string, retryable: boolean, httpStatus: number }>

export type CatalogErrorCode = keyof typeof catalogErrors

export class CatalogError extends Error {
  readonly code: CatalogErrorCode
  readonly retryable: boolean
  readonly httpStatus: number
  readonly values: Readonly<Record<string, unknown>>

  constructor(code: CatalogErrorCode, values: Record<string, unknown> = {}, cause?: unknown) {
    const entry = catalogErrors[code]
    super(entry.message.replace(/\{(\w+)\}/g, (place, name: string) => name in values ? String(values[name]) : place), cause === undefined ? undefined : { cause })
    this.name = 'CatalogError'
    this.code = code
    this.retryable = entry.retryable
    this.httpStatus = entry.httpStatus
    this.values = values
  }
}

/** Whether an error is ours, and of this code when one is given. */
export function isCatalogError(error: unknown, code?: CatalogErrorCode): error is CatalogError {
  return error instanceof CatalogError && (code === undefined || error.code === code)
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as NodeJS.ErrnoException).code
  return code !== undefined && !error.message.includes(code) ? `${code} ${error.message}` : error.message
}
