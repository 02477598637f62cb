// What docs/analysts.md says about columns and queries, written from the contract and from analytics/examples.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { contractColumns, rowColumns, type ContractColumn, type IcebergType } from '../../openapi/index.ts'

const examplesDir = join(import.meta.dirname, '../../analytics/examples')

export function analystsTables (): Record<'columns' | 'queries', string> {
  return { columns: columnsTable(), queries: queries() }
}

function columnsTable (): string {
  const rows = [...contractColumns, ...rowColumns].map(({ name, type, doc }: ContractColumn) => `| \`${name}\` | ${typeText(type)} | ${doc.replaceAll('|', '\\|')} |`)
  return ['| column | type | is |', '|---|---|---|', ...rows].join('\n')
}

function typeText (type: IcebergType): string {
  return typeof type === 'string' ? type : `struct: ${type.fields.map(field => `${field.name} ${typeText(field.type)}`).join(', ')}`
}

function queries (): string {
  return readdirSync(examplesDir).filter(file => file.endsWith('.sql')).sort().map(file => {
    const sql = readFileSync(join(examplesDir, file), 'utf8').trimEnd()
    const title = file.slice(0, -4).replaceAll('_', ' ')
    return `### ${title[0]!.toUpperCase()}${title.slice(1)}\n\n\`\`\`sql\n${sql}\n\`\`\`\n`
  }).join('\n')
}
