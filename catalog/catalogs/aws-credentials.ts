/** Which AWS keys speak to a catalog: given ones, or what the default chain finds (environment, profile, role of the machine). Loaded when first needed. */
import { CatalogError, reasonOf } from '../errors.ts'

export interface AwsKeys { readonly accessKeyId: string, readonly secretAccessKey: string, readonly sessionToken?: string }

type Provider = () => Promise<AwsKeys>

/** The chain keeps its keys and renews them before they expire. */
export function awsCredentials(keys: Partial<AwsKeys>, catalogUrl: string): Provider {
  const { accessKeyId, secretAccessKey, sessionToken } = keys
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    const given = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
    return () => Promise.resolve(given)
  }
  let chain: Provider | undefined
  return async () => {
    chain ??= (await import('@aws-sdk/credential-provider-node')).defaultProvider()
    try {
      return await chain()
    } catch (error) {
      throw new CatalogError('CATALOG_CREDENTIALS_MISSING', { url: catalogUrl, reason: reasonOf(error) }, error)
    }
  }
}
