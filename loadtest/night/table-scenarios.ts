// Damage to the tables' files and to the catalog's state: rows cannot be written or read for a while, events go on being
// taken, and the log still holds what is missing from an earlier metadata file.

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cut, flip } from './log-scenarios.ts'
import type { NightLine } from './night-line.ts'
import { damaged, type Damage, type Scenario } from './scenario.ts'

const remove = (file: string): void => { rmSync(file) }
const ways = { removed: remove, cut, flipped: (file: string) => { if (file.endsWith('.parquet')) flipColumns(file); else flip(file) } } as const
/** In the middle of a data file lies a column that nobody may ask for: all of the first half, behind the magic bytes. */
function flipColumns (file: string): void {
  const bytes = readFileSync(file)
  for (let i = 4; i < bytes.length >> 1; i++) bytes[i]! ^= 0xff
  writeFileSync(file, bytes)
}

const metadataFolder = 'warehouse/firn/events/metadata'

/** The newest file of the events table of this kind. */
function newest (line: NightLine, folder: string, pattern: RegExp): string {
  const dir = join(line.dataDir, folder)
  const files = (readdirSync(dir, { recursive: true }) as string[]).filter(name => pattern.test(name)).map(name => join(dir, name))
  return files.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]!
}

/** What the sentence says: let repair name the newest file that reads, and register it. */
const registerWhatReads: Damage['wayBack'] = async ({ run, said }) => {
  const [, ask] = /`(npm run repair[^`]*)`/.exec(said) ?? []
  const listed = await run(ask ?? 'npm run repair')
  const commands = [...listed.matchAll(/The newest that reads: (npm run repair -- .*)$/gm)].map(([, command]) => command!)
  if (commands.length === 0) throw new Error(`repair proposes nothing:\n${listed.slice(-2000)}`)
  for (const command of commands) await run(command)
  return []
}

/** What the doctor says: the same, for all tables at once. */
const asTheDoctorSays: Damage['wayBack'] = async ({ line, run }) => {
  const { text } = await line.command('doctor')
  const commands = [...text.matchAll(/^fail +tables .*stop the line, then type (npm run repair -- .*)$/gm)].map(([, command]) => command!)
  if (commands.length === 0) throw new Error(`the doctor proposes nothing:\n${text.slice(-2000)}`)
  for (const command of commands) await run(command)
  return []
}

function ofTable (what: string, sees: string | Record<keyof typeof ways, string>, folder: string, pattern: RegExp, short: readonly (keyof typeof ways)[]): Scenario[] {
  return (Object.keys(ways) as (keyof typeof ways)[]).map(how => damaged(`${what} is ${how}`, {
    sees: typeof sees === 'string' ? sees : sees[how],
    accepts: true,
    damage: line => { ways[how](newest(line, folder, pattern)) },
    wayBack: what === 'the metadata file' ? asTheDoctorSays : registerWhatReads
  }, short.includes(how) ? true : undefined))
}

const isMissing = 'does not exist: a file that the table names is missing: put it back from a backup; or stop the line, and'
const stateWay: Damage['wayBack'] = async ({ run, commands }) => {
  if (commands.length === 0) throw new Error('docs/recovery.md names no command')
  for (const command of commands) await run(command)
  return []
}

export const filesOfTables: readonly Scenario[] = [
  ...ofTable('a data file', 'cannot be read as a data file … put the file back from a backup; or stop the line, and', 'warehouse/firn/events/data', /\.parquet$/, ['flipped']),
  ...ofTable('the metadata file', { removed: 'the metadata file is missing: put it back from a backup; or stop the line, and', cut: 'cannot be read as table metadata', flipped: 'cannot be read as table metadata' }, metadataFolder, /\.metadata\.json$/, ['removed']),
  ...ofTable('a manifest', { removed: isMissing, cut: 'cannot be read as a manifest', flipped: 'cannot be read as a manifest' }, metadataFolder, /-m\d+\.avro$/, []),
  ...ofTable('the manifest list', { removed: isMissing, cut: 'cannot be read as a manifest list', flipped: 'cannot be read as a manifest list' }, metadataFolder, /^snap-.*\.avro$/, []),
  damaged('the catalog folder is removed', {
    sees: 'is not in the catalog, although',
    accepts: true,
    damage: line => { rmSync(join(line.dataDir, 'catalog'), { recursive: true }) },
    wayBack: stateWay
  }),
  damaged('the state of the catalog is removed', {
    sees: 'is not the newest … changes are lost, and nothing is built on what is left',
    accepts: false,
    starts: false,
    damage: line => { for (const name of readdirSync(join(line.dataDir, 'catalog'))) if (name.startsWith('catalog.sqlite')) rmSync(join(line.dataDir, 'catalog', name)) },
    wayBack: stateWay
  }),
  damaged('the state of the catalog is cut', {
    sees: 'catalog.sqlite cannot be opened',
    accepts: false,
    starts: false,
    damage: line => { cut(join(line.dataDir, 'catalog/catalog.sqlite')) },
    wayBack: stateWay
  }, true)
]
