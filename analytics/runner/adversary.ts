// For tests: a catalog that loses replies, loses requests or dies in the middle of the commits of one table.

import type { Catalog } from '../../catalog/index.ts'

export const faults = ['lose-reply', 'lose-request', 'die-before', 'die-after', 'conflict', 'rival'] as const
export type Fault = typeof faults[number]

export interface Adversary extends Catalog {
  /** The next commit of this table. `rival`: what somebody else does just before it. */
  strike(table: string, fault: Fault, rival: () => Promise<void>): void
  /** Forgets a fault that met no commit. */
  calm(): void
}

export function adversaryBefore (catalog: Catalog): Adversary {
  const waiting = new Map<string, { fault: Fault, rival: () => Promise<void> }>()
  return {
    loadTable: async id => await catalog.loadTable(id),
    createTable: async (id, request) => await catalog.createTable(id, request),
    ensureNamespace: async namespace => { await catalog.ensureNamespace(namespace) },
    listNamespaces: async () => await catalog.listNamespaces(),
    listTables: async namespace => await catalog.listTables(namespace),
    dropTable: async (id, purge) => { await catalog.dropTable(id, purge) },
    async commitTable (id, change) {
      const fault = waiting.get(id.name)
      waiting.delete(id.name)
      switch (fault?.fault) {
        case 'rival':
          await fault.rival()
          return await catalog.commitTable(id, change)
        case undefined: return await catalog.commitTable(id, change)
        case 'lose-reply':
          await catalog.commitTable(id, change)
          return { kind: 'unknown', cause: new Error('the reply is lost') }
        case 'lose-request': return { kind: 'unknown', cause: new Error('the request is lost') }
        case 'die-before': throw new Error('the process died here')
        case 'die-after':
          await catalog.commitTable(id, change)
          throw new Error('the process died here')
        case 'conflict': return { kind: 'conflict', reason: 'somebody was faster' }
      }
    },
    strike (table, fault, rival) { waiting.set(table, { fault, rival }) },
    calm () { waiting.clear() }
  }
}
