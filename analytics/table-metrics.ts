// What the tables take: files, bytes, rows, and the metadata that grows with both. Read when somebody asks, at most once a
// minute, and of a table only when it has another state than at the last look. A catalog that does not answer holds no scrape
// up: what was known last is told, with its age.

import { setTimeout as sleep } from 'node:timers/promises'
import { isCatalogError, printIdentifier, tableFigures, type Catalog, type Storage, type TableFigures } from '../catalog/index.ts'
import type { Logger, Metrics } from '../runtime/index.ts'

const namespaces = ['firn', 'analytics']
const tablesMax = 500
const tablesAtOnce = 4
const lookMsMin = 60_000
/** A scrape waits at most this long for a look. */
const waitMsMax = 2_000

export interface TableMetricsParts {
  readonly catalog: Pick<Catalog, 'listTables' | 'loadTable'>
  readonly storage: Storage
  readonly logger: Pick<Logger, 'warn'>
  readonly lookMs?: number
}

interface Known { readonly state: string, readonly figures: TableFigures }

export function measureTables (metrics: Metrics, { catalog, storage, logger, lookMs = lookMsMin }: TableMetricsParts): void {
  let known = new Map<string, Known>()
  let lookedMs = -Infinity
  let looking: Promise<void> | null = null
  let isTold = false

  const look = async (): Promise<void> => {
    const found = new Map<string, Known>()
    const ids = (await Promise.all(namespaces.map(async name => await catalog.listTables([name]).catch(noneIn)))).flat().slice(0, tablesMax)
    for (let at = 0; at < ids.length; at += tablesAtOnce) {
      await Promise.all(ids.slice(at, at + tablesAtOnce).map(async id => {
        const name = printIdentifier(id)
        const table = await catalog.loadTable(id).catch(goneSince)
        if (table === null) return
        const state = `${table.metadata['table-uuid']} ${table.metadataLocation ?? ''} ${String(table.metadata['current-snapshot-id'] ?? '')}`
        const before = known.get(name)
        if (before?.state === state) found.set(name, before)
        else {
          // A table whose files cannot be read keeps the others' figures from nobody; what reads it says what is wrong.
          const figures = await tableFigures(storage, table).catch(() => null)
          if (figures !== null) found.set(name, { state, figures })
        }
      }))
    }
    known = found
    lookedMs = performance.now()
    isTold = false
  }
  const refresh = async (): Promise<void> => {
    if (performance.now() - lookedMs >= lookMs) {
      looking ??= look().catch((error: unknown) => {
        if (!isTold) logger.warn({ err: error }, 'the sizes of the tables cannot be read: those known last are told')
        isTold = true
      }).finally(() => { looking = null })
      await Promise.race([looking, sleep(waitMsMax, undefined, { ref: false })])
    }
  }

  // Gauges are read side by side: each waits for the look that they share.
  metrics.gauge('tables_age_seconds', 'how long ago the figures of the tables were read', [], async gauge => {
    await refresh()
    gauge.set(lookedMs === -Infinity ? NaN : (performance.now() - lookedMs) / 1000)
  })
  const tell = (name: string, help: string, read: (figures: TableFigures) => number | null): void => {
    metrics.gauge(name, help, ['table'], async gauge => {
      await refresh()
      gauge.reset()
      for (const [table, { figures }] of known) {
        const value = read(figures)
        if (value !== null) gauge.set({ table }, value)
      }
    })
  }
  tell('table_data_files', 'data files of the current state of a table', figures => figures.dataFiles)
  tell('table_delete_files', 'delete files of the current state of a table: other engines make them', figures => figures.deleteFiles)
  tell('table_file_bytes', 'bytes of the files of the current state of a table', figures => figures.fileBytes)
  tell('table_rows', 'rows of a table, before delete files are applied', figures => figures.rows)
  tell('table_snapshots', 'snapshots that a table keeps', figures => figures.snapshots)
  tell('table_metadata_bytes', 'bytes of metadata that a reader of the current state takes: the metadata file, the manifest list and its manifests', figures => figures.metadataBytes)
}

function noneIn (error: unknown): [] {
  if (isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return []
  throw error
}

function goneSince (error: unknown): null {
  if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
  throw error
}
