// A checkout of the product with a contract of its own: the same sources with a few lines changed, as a release before or after
// this one would have them. An edit that finds no place ends the test: a silent no-change would prove nothing.

import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const projectDir = resolve(import.meta.dirname, '../..')
const folders = ['openapi', 'catalog', 'runtime', 'log', 'gateway', 'writer', 'analytics']

/** [file, what stands there, what is to stand there] */
export type Edit = readonly [file: string, from: string, to: string]

export interface Checkout { readonly dir: string }

export function makeCheckout (dir: string, edits: readonly Edit[]): Checkout {
  mkdirSync(dir, { recursive: true })
  for (const folder of folders) cpSync(join(projectDir, folder), join(dir, folder), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json']) cpSync(join(projectDir, file), join(dir, file))
  symlinkSync(join(projectDir, 'node_modules'), join(dir, 'node_modules'))
  editCheckout(dir, edits)
  return { dir }
}

export function editCheckout (dir: string, edits: readonly Edit[]): void {
  for (const [file, from, to] of edits) {
    const path = join(dir, file)
    const text = readFileSync(path, 'utf8')
    if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}: this edit of the contract has to follow it`)
    writeFileSync(path, text.replace(from, to))
  }
}

/** The models of a checkout: these files under these names, and no others. Runs may go on meanwhile: no source is away for a moment. */
export function setModels (checkout: Checkout, files: Readonly<Record<string, string>>): void {
  const kept = Object.entries(files).map(([name, file]) => {
    const path = join(checkout.dir, 'analytics/models', `${name}.sql`)
    cpSync(join(import.meta.dirname, 'models', file), path)
    return path
  })
  for (const folder of ['analytics/models', 'analytics/fraud'].map(name => join(checkout.dir, name))) {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('.sql') && !kept.includes(join(folder, file))) rmSync(join(folder, file))
    }
  }
}
