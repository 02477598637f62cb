// Whether each table of the embedded catalog can be read from the file that the catalog names down to the sizes of its data
// files; where one cannot, the newest metadata file that can, and the command that registers it.

import { connectCatalog, inspectWarehouse, openStorageFrom, printIdentifier, type Catalog, type FolderReport, type StateReport } from '../../catalog/index.ts'
import { sentenceOf } from '../../runtime/index.ts'
import type { Finding } from './doctor.ts'

const what = 'tables'
const namedMax = 5

/** What the catalog says of a table: the file that it is at, or why it cannot be used; null: it does not know it. */
export type Standing = { readonly location: string } | { readonly refusal: string } | null

export async function * checkTables (config: Readonly<Record<string, unknown>>, dataDir: string, catalogUrl: string): AsyncGenerator<Finding> {
  try {
    const { storage, warehouseUrl } = openStorageFrom(config as Parameters<typeof openStorageFrom>[0], { dataDir })
    const { state, folders } = await inspectWarehouse({ dataDir, warehouse: warehouseUrl, storage }, 1)
    const refused = judgeState(state)
    if (refused !== null) return yield refused
    const catalog = state.kind === 'busy' ? connectCatalog(catalogUrl) : null
    const ill: Finding[] = []
    for (const folder of folders) {
      const finding = judgeTable(folder, catalog === null ? standingIn(folder) : await ask(catalog, folder))
      if (finding !== null) ill.push(finding)
    }
    yield * ill.slice(0, namedMax)
    if (ill.length > namedMax) yield { what, state: 'fail', detail: `and ${ill.length - namedMax} more tables: npm run repair lists them` }
    if (ill.length === 0) yield { what, state: 'ok', detail: `${folders.length} can be read down to their data files` }
  } catch (error) {
    yield { what, state: 'fail', detail: sentenceOf(error) }
  }
}

/** A state on which no catalog starts. */
export function judgeState (state: StateReport): Finding | null {
  switch (state.kind) {
    case 'damaged': return { what, state: 'fail', detail: `the catalog's state is damaged (${state.reason}): put catalog/ back from a copy, or stop the line and type npm run repair -- --all` }
    case 'older': return { what, state: 'fail', detail: `the catalog's state is not the newest (${state.reason}): bring back the newest, or stop the line and type npm run repair -- --all` }
    default: return null
  }
}

/** Null for a table that is well, and for what the catalog does not know: that is nobody's table. */
export function judgeTable ({ folder, name, reports, newestThatReads: best }: FolderReport, standing: Standing): Finding | null {
  const title = name === null ? folder : printIdentifier(name)
  if (standing === null) return null
  const current = 'location' in standing ? reports.find(({ file }) => file.location === standing.location) : undefined
  const reason = 'refusal' in standing ? standing.refusal : current?.unreadable ?? null
  if (reason === null) return null
  const way = best === null
    ? 'no metadata file of it reads: put its folder back from a backup'
    : `the newest metadata file that reads: stop the line, then type npm run repair -- --register ${best.file.location} --as ${title}`
  return { what, state: 'fail', detail: `${title}: ${reason}; ${way}` }
}

function standingIn ({ known, files }: FolderReport): Standing {
  const location = known[0]?.location
  if (location === undefined) return null
  return files.some(file => file.location === location) ? { location } : { refusal: `${location} is missing` }
}

async function ask (catalog: Catalog, { name }: FolderReport): Promise<Standing> {
  if (name === null) return null
  try {
    const { metadataLocation } = await catalog.loadTable(name)
    return metadataLocation === null ? null : { location: metadataLocation }
  } catch (error) {
    return (error as { code?: unknown }).code === 'CATALOG_NO_SUCH_TABLE' ? null : { refusal: sentenceOf(error) }
  }
}
