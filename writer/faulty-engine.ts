// For tests: an engine that fails on records, in whichever statement meets them, as a defect of DuckDB would; or on
// whatever the test says, as a machine would. Its spare engines fail alike.

import { readFileSync } from 'node:fs'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Engine } from './engine.ts'

/** Where the engine meets records. */
export type Stage = 'parse' | 'group' | 'ids' | 'update' | 'copy'

export interface Fault {
  readonly stage: Stage
  /** Given the text of the lines, or the event_ids of the rows, that a statement works on. */
  readonly fails: (text: string) => boolean
  readonly message: string
  /** Such an error ends the engine: it answers nothing until it is opened anew. */
  readonly isFatal?: boolean
}

export interface FaultyEngine extends Engine {
  /** How often lines were parsed, and how many in all. */
  readonly passes: { parses: number, lines: number }
}

export function failingOn (engine: Engine, fault: Fault, passes = { parses: 0, lines: 0 }): FaultyEngine {
  let isDead = false
  const strike = async (connection: DuckDBConnection, sql: string): Promise<void> => {
    if (isDead) throw new Error('FATAL Error: Failed: database has been invalidated because of a previous fatal error. The database must be restarted prior to being used again.')
    const stage = stageOf(sql)
    if (stage === 'parse') {
      passes.parses++
      passes.lines += linesOf(sql).split('\n').length - 1
    }
    if (stage !== fault.stage) return
    const text = stage === 'parse' ? linesOf(sql) : await idsOf(connection, sql)
    if (!fault.fails(text)) return
    isDead = fault.isFatal === true
    throw new Error(fault.message)
  }
  const wrap = (connection: DuckDBConnection): DuckDBConnection => new Proxy(connection, {
    get (target, name) {
      const member = target[name as keyof DuckDBConnection] as unknown
      if (typeof member !== 'function') return member
      const bound = (member as (...args: unknown[]) => unknown).bind(target)
      if (name !== 'run' && name !== 'runAndReadAll' && name !== 'stream') return bound
      return async (sql: string) => {
        await strike(target, sql)
        return await bound(sql)
      }
    }
  })
  return {
    passes,
    get parser () { return wrap(engine.parser) },
    get main () { return wrap(engine.main) },
    async runAll (statements) {
      for (const sql of statements) await strike(engine.main, sql)
      return await engine.runAll(statements)
    },
    renew: async () => {
      await engine.renew()
      isDead = false
    },
    spare: async () => failingOn(await engine.spare(), fault, passes),
    close: () => { engine.close() }
  }
}

function stageOf (sql: string): Stage | null {
  if (sql.includes('read_csv(')) return 'parse'
  if (sql.startsWith('COPY')) return 'copy'
  if (sql.startsWith('UPDATE')) return 'update'
  if (sql.includes('0::UHUGEINT')) return 'ids'
  return sql.includes('GROUP BY ALL') ? 'group' : null
}

function linesOf (sql: string): string {
  const [, files] = /read_csv\(\[([^\]]*)\]/.exec(sql)!
  return [...files!.matchAll(/'([^']+)'/g)].map(([, path]) => readFileSync(path!, 'utf8')).join('')
}

async function idsOf (connection: DuckDBConnection, sql: string): Promise<string> {
  const table = /"batch\d+(?:-part\d+)?"/.exec(sql)
  if (table === null) return ''
  const rows = (await connection.runAndReadAll(`SELECT event_id FROM ${table[0]}`)).getRows()
  return rows.flat().join('\n')
}
