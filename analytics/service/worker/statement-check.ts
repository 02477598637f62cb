// What a statement of a stranger may name: tables of the lake and functions that compute. It goes by DuckDB's own syntax tree,
// so comments, quotes, spelling and nesting hide nothing. The second wall is the sandbox: without this one, a statement still
// could not open a file, but it could read settings and paths of this machine.

import { DuckDBInstance } from '../../../catalog/index.ts'
import { fail } from '../../errors.ts'
import { noExtensions } from '../../query/duckdb-session.ts'
import { tokensOf } from '../../query/sql-tokens.ts'

/** All other functions behind FROM read files, settings or the insides of DuckDB. */
const tableFunctions = new Set(['range', 'generate_series', 'unnest', 'json_each', 'json_tree', 'repeat', 'repeat_row', 'generate_subscripts', 'pg_timezone_names', 'icu_calendar_names'])
/** They read settings and the insides of DuckDB, wait, log, run texts as statements, or take bytes for the engine's own state. */
const refusedFunctions = /^(current_setting|getenv|getvariable|sleep_ms|pg_sleep|write_log|parse_duckdb_log_message|nextval|currval|setseed|json_(de)?serialize_(sql|plan)|json_execute_.*|query|query_table|glob|read_.*|parquet_.*|.*_scan|duckdb_.*|pragma_.*|add_parquet_key|get_block_size|from_substrait.*|current_query|inet_.*|pg_get_.*|pg_conf_.*|txid_current|current_(query|connection|transaction)_id|combine|finalize|sum_no_overflow|vector_type|variant_(bytes_to_variant|normalize|to_parquet_variant)|remap_struct|in_search_path|__internal.*|set_config|enable_.*|disable_.*|checkpoint|force_checkpoint|which_secret|sniff_csv|sql_auto_complete|.*_peg_parser)$/
const shown = /^(|"?tables"?|"?databases"?|"?schemas"?|__show_tables_expanded)$/
const informationTables = new Set(['tables', 'columns', 'schemata'])
/** EXPLAIN is no part of the tree. What follows is checked like any other statement. */
const explainPrefix = /^(?:\s|--[^\n]*\n|\/\*(?:(?!\*\/|\/\*)[\s\S])*\*\/)*explain(?:\s+analyze)?\s+/i

export interface StatementCheck {
  /** Throws SQL_MISSING, SQL_INVALID, SQL_READ_ONLY, SQL_REFUSED. */
  check(sql: string): Promise<void>
}

/** Parses in a DuckDB that has no tables and may do nothing. */
export async function openStatementCheck (): Promise<StatementCheck> {
  const instance = await DuckDBInstance.create(':memory:', { ...noExtensions, threads: '1', memory_limit: '256MiB', enable_external_access: 'false', lock_configuration: 'true' })
  const connection = await instance.connect()
  const serialize = await connection.prepare('select json_serialize_sql($1::varchar)')
  return {
    async check (sql) {
      const rest = sql.replace(explainPrefix, found => ' '.repeat(found.length))
      serialize.bindVarchar(1, rest)
      const tree = JSON.parse(String((await serialize.runAndReadAll()).getRows()[0]?.[0])) as Tree
      if (tree.error === true) throw explain(tree, sql)
      if (tree.statements?.length === 0) throw fail('SQL_MISSING')
      if (tree.statements?.length !== 1) throw fail('SQL_INVALID', { reason: `there are ${tree.statements?.length ?? 0} statements: send them one at a time`, place: '' })
      refuse(tree.statements[0], sql)
    }
  }
}

interface Tree { error?: boolean, error_type?: string, error_message?: string, position?: string, statements?: unknown[] }
interface TreeNode { type?: unknown, class?: unknown, query_location?: unknown, [name: string]: unknown }

/** What has no tree is no SELECT, or no SQL. */
function explain ({ error_type: type, error_message: message = 'it cannot be read', position }: Tree, sql: string): Error {
  const word = tokensOf(sql).find(({ kind }) => kind === 'word')?.text.toUpperCase()
  if (word === undefined && tokensOf(sql).every(({ text }) => text === ';')) return fail('SQL_MISSING')
  if (type !== 'not implemented') return fail('SQL_INVALID', { reason: message, place: position === undefined ? '' : printPlace(Number(position), sql) })
  if (word === 'PIVOT' || word === 'FROM' || word === 'SELECT') return fail('SQL_INVALID', { reason: 'PIVOT needs the values of its columns here: on c in (…)', place: '' })
  return fail('SQL_READ_ONLY', { kind: word === 'WITH' ? 'writing' : word ?? 'writing' })
}

function refuse (root: unknown, sql: string): void {
  const left: unknown[] = [root]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) refuseNode(value as TreeNode, sql)
    for (const member of Object.values(value)) left.push(member)
  }
}

function refuseNode (node: TreeNode, sql: string): void {
  const text = (name: string): string => typeof node[name] === 'string' ? node[name].toLowerCase() : ''
  const no = (what: string): never => { throw fail('SQL_REFUSED', { what, place: placeOf(node, sql) }) }
  if (node.type === 'TABLE_FUNCTION') {
    const name = String((node.function as TreeNode | undefined)?.function_name ?? '').toLowerCase()
    if (!tableFunctions.has(name)) no(`${name}(…) as a table`)
  } else if (node.class === 'FUNCTION') {
    if (refusedFunctions.test(text('function_name')) && !tableFunctions.has(text('function_name'))) no(`${text('function_name')}(…)`)
  } else if (node.type === 'BASE_TABLE') {
    const [catalog, schema, name] = [text('catalog_name'), text('schema_name'), text('table_name')]
    const isInformation = schema === 'information_schema' && informationTables.has(name)
    if (!isInformation && (['system', 'temp'].includes(catalog) || ['pg_catalog', 'information_schema'].includes(schema) || /^(duckdb_|pragma_|sqlite_|pg_)/.test(name))) no(`table ${[catalog, schema, name].filter(part => part !== '').join('.')}`)
    if (/[/\\:*?]/.test(name)) no(`'${name}' as a table`)
  } else if (node.type === 'SHOW_REF' && node.query === null && !shown.test(text('table_name'))) no(`show ${text('table_name')}`)
}

function placeOf ({ query_location: at, function: inner }: TreeNode, sql: string): string {
  const location = typeof at === 'number' && at < Number.MAX_SAFE_INTEGER ? at : (inner as TreeNode | undefined)?.query_location
  return typeof location === 'number' ? printPlace(location, sql) : ''
}

/** DuckDB counts bytes. */
function printPlace (location: number, sql: string): string {
  if (location > Buffer.byteLength(sql)) return ''
  const lines = Buffer.from(sql).subarray(0, location).toString().split('\n')
  return ` (line ${lines.length}, column ${lines.at(-1)!.length + 1})`
}
