/**
 * Locations on S3: `s3://bucket/key`, with `s3a` and `s3n` as other spellings of the same.
 *
 * The key is raw: nothing in it is unescaped, so that `a%2Fb` written is `a%2Fb` read. Escaping for the wire is the client's business.
 */
import { CatalogError } from '../errors.ts'

export interface S3Location { readonly bucket: string, readonly key: string }

const pattern = /^s3[an]?:\/\/([^/]+)(?:\/(.*))?$/is

export function isS3(url: string): boolean {
  return /^s3[an]?:\/\//i.test(url)
}

export function parseS3(location: string): S3Location {
  const match = pattern.exec(location)
  if (match?.[1] === undefined) throw new CatalogError('STORAGE_URL_UNSUPPORTED', { url: location })
  return { bucket: match[1], key: match[2] ?? '' }
}

/** One spelling for each place: scheme `s3`, no slash at the end. */
export function normaliseS3(location: string): string {
  const { bucket, key } = parseS3(location)
  return `s3://${bucket}/${key}`.replace(/\/+$/, '')
}

/** `s3a://bucket/` of `s3a://bucket/a/b`: what found keys are put behind, so that they compare with the names that the caller knows. */
export function rootOf(location: string): string {
  return `${location.slice(0, location.indexOf('//'))}//${parseS3(location).bucket}/`
}
