// The tables of errors and settings in docs/reference, written from the code that they describe. The test beside this
// file compares them, so neither side can go on without the other. `npm run docs` writes them.

import { settingRow, settingsOf, type ErrorRegistry, type SettingSchema, runtimeErrors } from '../../runtime/index.ts'
import { analyticsErrors } from '../../analytics/errors.ts'
import { catalogErrors } from '../../catalog/errors.ts'
import { gatewayErrors } from '../../gateway/errors.ts'
import { loadtestErrors } from '../../loadtest/errors.ts'
import { logErrors } from '../../log/errors.ts'
import { contractErrors } from '../../openapi/errors.ts'
import { writerErrors } from '../../writer/errors.ts'
import { localServices, settingsOfTheLine } from './services.ts'

const registries: Record<string, ErrorRegistry> = {
  openapi: contractErrors,
  gateway: gatewayErrors,
  log: logErrors,
  writer: writerErrors,
  catalog: catalogErrors,
  analytics: analyticsErrors,
  loadtest: loadtestErrors,
  runtime: runtimeErrors
}

/** The text with every `<!-- begin NAME -->…<!-- end NAME -->` filled in anew. Throws where a marker is missing. */
export function fillIn (page: string, tables: Record<string, string>): string {
  for (const [name, table] of Object.entries(tables)) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`]
    const [from, to] = [page.indexOf(begin), page.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`the page has no place for the table of ${name}: add ${begin} and ${end}`)
    page = `${page.slice(0, from + begin.length)}\n${table}\n${page.slice(to)}`
  }
  return page
}

export function errorsTable (): string {
  const rows = Object.entries(registries).flatMap(([folder, registry]) => Object.entries(registry).map(([code, entry]) =>
    `| \`${code}\` | ${folder} | ${entry.httpStatus ?? ''} | ${entry.retryable ? 'yes' : 'no'} | ${cell(entry.message)} |`))
  return ['| code | from | HTTP | retry helps | says |', '|---|---|---|---|---|', ...rows].join('\n')
}

export function settingsTable (): string {
  const users = (name: string): string => {
    const names = Object.entries(localServices).filter(([, service]) => name in service.settings.properties).map(([service]) => service)
    return names.length === 0 ? 'all' : names.join(', ')
  }
  const rows = namedSettings().map(([name, setting]) => `${settingRow(name, setting)} ${users(name)} |`)
  return ['| variable | default | may be | why | read by |', '|---|---|---|---|---|', ...rows].join('\n')
}

function namedSettings (): Array<[string, SettingSchema]> {
  return Object.entries(settingsOf(settingsOfTheLine())).sort(([a], [b]) => a < b ? -1 : 1)
}

function cell (text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;')
}
