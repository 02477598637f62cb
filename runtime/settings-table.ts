// The table of settings that --help prints and that docs/reference/settings.md carries: name, default, what it may be, why it exists.
// It shows the same schema that the process reads, so that the two cannot differ.

import { expectationOf, flagOf, type SettingSchema } from './config.ts'

/** Lines for a terminal: one setting each, with its flag, default and reason. */
export function describeSettings (process_: string, settings: Record<string, SettingSchema>): string {
  const rows = Object.entries(settings).filter(([name]) => name !== '_').map(([name, setting]) => [
    name.startsWith('FIRN_') ? name : '', flagOf(name), defaultText(setting), setting.description ?? ''
  ])
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => (row[column] as string).length)))
  const lines = rows.map(row => '  ' + row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
  return `Settings of ${process_} (variable, flag, default, why):\n\n${lines.join('\n')}\n`
}

/** Rows for docs/reference/settings.md: | variable | default | may be | why |. */
export function settingRow (name: string, setting: SettingSchema): string {
  const default_ = defaultText(setting)
  const why = (setting.description ?? '').replaceAll('|', '\\|')
  return `| \`${name}\` | ${default_ === '' ? '' : `\`${default_}\``} | ${expectationOf(setting).replaceAll('|', '\\|')} | ${why} |`
}

function defaultText (setting: SettingSchema): string {
  if (setting.default === undefined || setting.default === null || setting.secret === true) return ''
  return Array.isArray(setting.default) ? setting.default.join(',') : String(setting.default)
}
