/** Where a REST catalog keeps what: its paths, as its `/v1/config` shapes them. The prefix is used as given (it may hold slashes); levels of a namespace are encoded one by one. */
import { CatalogError } from '../errors.ts'
import type { TableIdentifier } from '../spec/types.ts'

export interface RawConfig { 'defaults'?: Record<string, string>, 'overrides'?: Record<string, string>, 'idempotency-key-lifetime'?: string, 'endpoints'?: string[] | null }
export interface Paths { namespaces(): string, tables(namespace: readonly string[]): string, table(id: TableIdentifier): string }

/** The separator goes between levels in its encoded form. */
export function pathsOf(prefix: string | undefined, separator: string): Paths {
  const root = prefix === undefined || prefix === '' ? '/v1' : `/v1/${prefix}`
  const namespaceOf = (namespace: readonly string[]) => namespace.map(encodeName).join(separator.includes('%') ? separator : encodeURIComponent(separator))
  return {
    namespaces: () => `${root}/namespaces`,
    tables: namespace => `${root}/namespaces/${namespaceOf(namespace)}/tables`,
    table: id => `${root}/namespaces/${namespaceOf(id.namespace)}/tables/${encodeName(id.name)}`
  }
}

/** `.` and `..` are steps in an address and no names, escaped or not: another table would be asked for. */
function encodeName(name: string): string {
  if (name === '.' || name === '..') throw new CatalogError('CATALOG_NAME_REFUSED', { name })
  return encodeURIComponent(name)
}

/** Whether the server says that credentials can be had without the table. */
export function offersCredentials({ endpoints }: RawConfig): boolean {
  return endpoints?.some(endpoint => /^GET \S*\/tables\/\{table\}\/credentials$/.test(endpoint)) === true
}
