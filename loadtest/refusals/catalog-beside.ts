// Our own catalog beside a service under test: on files, or on whatever storage its settings name.

import { mkdirSync } from 'node:fs'
import type { Settings } from './ground.ts'
import { freePort } from '../../runtime/index.ts'
import { watchService, type Watched } from './watched.ts'

const upMsMax = 30_000

export interface CatalogBeside {
  /** What a writer needs to find it; the warehouse is on files unless said otherwise. */
  readonly settings: Settings
  close(): Promise<void>
}

export async function startCatalog (dataDir: string, storage: Settings = {}): Promise<CatalogBeside> {
  mkdirSync(dataDir, { recursive: true })
  const port = await freePort()
  const catalog = await runCatalog(dataDir, port, storage)
  return { settings: { ...warehouseOf(dataDir), ...storage, FIRN_CATALOG_URL: `http://127.0.0.1:${port}` }, close: () => catalog.close() }
}

/** Resolves when it answers. */
export async function runCatalog (dataDir: string, port: number, storage: Settings = {}): Promise<Watched> {
  const catalog = await watchService({ program: 'catalog', dataDir, port, settings: { ...warehouseOf(dataDir), ...storage } })
  if (await catalog.until(async () => (await catalog.ready()).status === 200, upMsMax)) return catalog
  await catalog.close()
  throw new Error(`the catalog is not ready: ${catalog.givenUp ?? catalog.said().at(-1)?.text ?? 'it said nothing'}`)
}

export function warehouseOf (dataDir: string): Settings {
  return { FIRN_WAREHOUSE_URL: `file://${dataDir}/warehouse` }
}
