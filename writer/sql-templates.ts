// Reads the .sql files of this folder once and fills their {{holes}}. A hole without a value, or a value without a
// hole, is a programmer error.

import { readFileSync } from 'node:fs'

const texts = new Map<string, string>()

export function fillSql (name: string, values: Readonly<Record<string, string | number>>): string {
  let text = texts.get(name)
  if (text === undefined) {
    text = readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), 'utf8').split('\n').filter(line => !line.startsWith('--')).join('\n')
    texts.set(name, text)
  }
  const used = new Set<string>()
  const filled = text.replaceAll(/\{\{(\w+)\}\}/g, (_, hole: string) => {
    const value = values[hole]
    if (value === undefined) throw new TypeError(`${name}.sql has a hole ${hole} without a value`)
    used.add(hole)
    return String(value)
  })
  for (const key of Object.keys(values)) if (!used.has(key)) throw new TypeError(`${name}.sql has no hole ${key}`)
  return filled
}
