/** Refuses tables of a format version that is not known: bytes may mean other things there. The sentence says what can be done. */
import { printIdentifier, type LoadedTable } from '../catalogs/catalog.ts'
import { CatalogError } from '../errors.ts'
import { adviceFor } from '../spec/format-version.ts'

export function refuseVersion({ id, metadata }: LoadedTable, known: readonly number[], what: 'read' | 'written'): void {
  const version = metadata['format-version']
  if (known.includes(version)) return
  throw new CatalogError('CATALOG_FORMAT_UNSUPPORTED', { location: `table ${printIdentifier(id)}`, feature: `format version ${version}, which is not ${what}`, advice: adviceFor(version, known) })
}
