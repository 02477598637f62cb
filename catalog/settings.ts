/** The settings that lead to the tables: spread into the schema of every process that needs them. What belongs to another backend is not read. */
import { Type, type Static, type TObject, type TOptional, type TString } from 'typebox'

const text = (description: string): TOptional<TString> => Type.Optional(Type.String({ minLength: 1, description }))
const secret = (description: string): TOptional<TString> => Type.Optional(Type.String({ minLength: 1, secret: true, description }))

/** One token for both ends: who asks the catalog sends it, and the embedded catalog wants it. */
export const catalogToken = secret('bearer token of the REST catalog; the embedded one asks for it when it is set, and does not listen beyond this machine without it')

/** Where files lie: spread into the settings of every process that opens them. */
export const storageSettings = {
  FIRN_WAREHOUSE_URL: text('where tables get their files unless they name a place: file:///path or s3://bucket/prefix; without it the folder warehouse under FIRN_DATA_DIR'),
  FIRN_S3_ENDPOINT: text('address of an S3 server that is not AWS, such as http://127.0.0.1:7070'),
  FIRN_S3_REGION: text('region of the bucket; without it what the AWS environment says, else us-east-1'),
  FIRN_S3_PATH_STYLE: Type.Boolean({ default: false, description: 'put the bucket into the path instead of the host name, as most S3 servers that are not AWS want it' }),
  FIRN_S3_ACCESS_KEY_ID: text('access key of the S3 server; without it the AWS credential chain is asked (environment, profile, role of the machine)'),
  FIRN_S3_SECRET_ACCESS_KEY: secret('secret of FIRN_S3_ACCESS_KEY_ID'),
  FIRN_S3_CACHE_DIR: text('folder for copies of S3 files while they are written or read; $FIRN_DATA_DIR/s3 when not set'),
  FIRN_S3_CACHE_BYTES_MAX: Type.Integer({ default: 4 * 1024 ** 3, minimum: 64 * 1024 ** 2, maximum: 1024 ** 4, description: 'bytes of such copies on the local disk; files in use may pass it' })
}

/** Everything that leads to the tables. */
export const lakeSettings = {
  ...storageSettings,
  FIRN_CATALOG_URL: Type.String({ default: 'http://127.0.0.1:8181', description: 'the catalog that holds the tables: http(s)://… is an Iceberg REST catalog, glue://region is AWS Glue' }),
  FIRN_CATALOG_WAREHOUSE: text('the warehouse name that the REST catalog wants to hear at first contact; Glue: the account id of another account\'s catalog'),
  FIRN_CATALOG_TOKEN: catalogToken,
  FIRN_CATALOG_OAUTH_TOKEN_URL: text('where OAuth2 tokens come from; without it what the catalog names, else its own /v1/oauth/tokens'),
  FIRN_CATALOG_OAUTH_CLIENT_ID: text('OAuth2 client id: tokens are fetched and renewed by themselves'),
  FIRN_CATALOG_OAUTH_CLIENT_SECRET: secret('secret of FIRN_CATALOG_OAUTH_CLIENT_ID'),
  FIRN_CATALOG_OAUTH_SCOPE: text('OAuth2 scope; without it `catalog`'),
  FIRN_CATALOG_SIGV4_REGION: text('sign requests to the REST catalog for AWS in this region'),
  FIRN_CATALOG_SIGV4_SERVICE: text('the AWS service that signatures are for: glue, s3tables or execute-api; without it glue'),
  FIRN_CATALOG_ACCESS_DELEGATION: Type.Boolean({ default: false, description: 'ask the REST catalog for storage credentials and use those instead of our own' }),
  FIRN_GLUE_ENDPOINT: text('address of a Glue server that is not AWS')
}

export type StorageConfig = Readonly<Static<TObject<typeof storageSettings>>>
export type LakeConfig = Readonly<Static<TObject<typeof lakeSettings>>>
