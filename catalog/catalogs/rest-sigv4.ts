/**
 * Requests to a REST catalog signed for AWS (Glue's and S3 Tables' Iceberg endpoints, or an API gateway in front of another).
 *
 * As Iceberg's Java client does it: body hash in `x-amz-content-sha256`, and an Authorization header that is there already (a token for the
 * catalog behind the gateway) goes along as `Original-Authorization`. The signer is loaded at the first request.
 */
import type { SignatureV4 } from '@smithy/signature-v4'
import { awsCredentials, type AwsKeys } from './aws-credentials.ts'
import type { RestAuth } from './rest-auth.ts'

export interface SigV4Options { readonly region: string, readonly service: string }

export function sigV4Auth(options: SigV4Options & Partial<AwsKeys>, catalogUrl: string, inner: RestAuth): RestAuth {
  const credentials = awsCredentials(options, catalogUrl)
  let signer: Promise<SignatureV4> | undefined
  const load = async () => {
    const [{ SignatureV4 }, { Sha256 }] = await Promise.all([import('@smithy/signature-v4'), import('@aws-crypto/sha256-js')])
    return new SignatureV4({ region: options.region, service: options.service, credentials, sha256: Sha256 })
  }
  return {
    async sign(request) {
      const { authorization, ...headers } = await inner.sign(request)
      const [{ HttpRequest }, loaded] = await Promise.all([import('@smithy/protocol-http'), signer ??= load()])
      const url = new URL(request.url)
      const signed = await loaded.sign(new HttpRequest({
        method: request.method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: { ...headers, host: url.host, ...(authorization === undefined ? {} : { 'original-authorization': authorization }) },
        ...(request.body === undefined ? {} : { body: request.body })
      }))
      return signed.headers
    },
    renew: async refused => {
      const { 'original-authorization': authorization } = refused
      return await inner.renew(authorization === undefined ? {} : { authorization })
    },
    ...(inner.learn === undefined ? {} : { learn: config => { inner.learn?.(config) } })
  }
}
