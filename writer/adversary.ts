// For tests: a catalog that loses replies, loses requests or dies in the middle, in front of a real one.

import type { Catalog, CommitReply, LoadedTable, TableChange, TableIdentifier } from '../catalog/index.ts'

/** What happens to the next commits of a table, in order; nothing more once used up. */
export type Fault =
  /** The commit lands, the reply is lost. */
  | 'lose-reply'
  /** The request never arrives, and nobody knows. */
  | 'lose-request'
  /** The process dies before the request. */
  | 'die-before'
  /** The commit lands, then the process dies. */
  | 'die-after'

export const died = 'the process died here'

export interface Adversary extends Catalog {
  readonly faults: Map<string, Fault[]>
  /** Called before each commit of a table: a rival's chance. */
  before: (id: TableIdentifier, change: TableChange) => Promise<void>
}

export function adversaryBefore (catalog: Catalog): Adversary {
  const faults = new Map<string, Fault[]>()
  const adversary: Adversary = {
    faults,
    before: async () => undefined,
    loadTable: async (id): Promise<LoadedTable> => await catalog.loadTable(id),
    createTable: async (id, request) => await catalog.createTable(id, request),
    ensureNamespace: async namespace => { await catalog.ensureNamespace(namespace) },
    listNamespaces: async () => await catalog.listNamespaces(),
    listTables: async namespace => await catalog.listTables(namespace),
    dropTable: async (id, purge) => { await catalog.dropTable(id, purge) },
    commitTable: async (id, change): Promise<CommitReply> => {
      await adversary.before(id, change)
      switch (faults.get(id.name)?.shift()) {
        case 'lose-reply':
          await catalog.commitTable(id, change)
          return { kind: 'unknown', cause: new Error('the reply is lost') }
        case 'lose-request':
          return { kind: 'unknown', cause: new Error('the request is lost') }
        case 'die-before':
          throw new Error(died)
        case 'die-after':
          await catalog.commitTable(id, change)
          throw new Error(died)
        case undefined:
          return await catalog.commitTable(id, change)
      }
    }
  }
  return adversary
}

export function withFaults (catalog: Catalog, faults: Record<string, Fault[]>): Catalog {
  const adversary = adversaryBefore(catalog)
  for (const [table, list] of Object.entries(faults)) adversary.faults.set(table, [...list])
  return adversary
}
