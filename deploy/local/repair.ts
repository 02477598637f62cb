// `npm run repair`: what the warehouse holds, whatever the catalog says, and ways back when the catalog's state is lost,
// damaged, older than the tables, or names the wrong file. Lists; registers; says what the writer needs then.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Type } from 'typebox'
import {
  inspectWarehouse, openStorageFrom, printIdentifier, registerAll, registerFile, storageSettings, takeOlder,
  type FileReport, type FolderReport, type Registered, type RepairPlace, type StateReport, type TableIdentifier
} from '../../catalog/index.ts'
import { complain, readConfig, sentenceOf, show } from '../../runtime/index.ts'

const settings = Type.Object({
  ...storageSettings,
  FIRN_DATA_DIR: Type.String({ default: './data', minLength: 1, description: 'the data folder; the line must not run on it' }),
  register: Type.Optional(Type.String({ minLength: 1, description: 'the metadata file that a table shall be at, as listed' })),
  as: Type.Optional(Type.String({ pattern: '^[^.]+(\\.[^.]+)+$', description: 'with --register: the name of the table, e.g. firn.events; without it what its folder tells' })),
  all: Type.Boolean({ default: false, description: 'register the newest readable file of every folder that the catalog does not know' }),
  takeOlder: Type.Boolean({ default: false, description: 'go on with a state that is older than what was answered' }),
  without: Type.Optional(Type.String({ minLength: 1, description: 'a data file that cannot be read although it is there: metadata files that name it are not proposed' })),
  files: Type.Integer({ default: 3, minimum: 1, maximum: 1000, description: 'metadata files looked into for each table, the newest first' })
})

const print = (line: string): void => { show(line) }

try {
  await repair()
} catch (error) {
  complain(`repair: ${sentenceOf(error)}`)
  process.exitCode = 1
}

async function repair (): Promise<void> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in settings.properties))
  const config = readConfig('repair', settings, { env })
  const dataDir = resolve(config.FIRN_DATA_DIR)
  if (!existsSync(dataDir)) throw new Error(`there is no folder ${dataDir}: name it with --data-dir`)
  const { storage, warehouseUrl } = openStorageFrom(config, { dataDir })
  const place: RepairPlace = { dataDir, warehouse: warehouseUrl, storage }
  if (config.takeOlder) return print(`the catalog goes on with its state as it lies: ${await takeOlder(dataDir)} tables and views. Tables that are behind their files say so when they are first used`)
  if (config.register !== undefined) return sayRegistered([await registerFile(place, config.register, config.as === undefined ? null : nameOf(config.as))])
  if (config.all) return sayRegistered(await registerAll(place, config.files))
  const { state, folders } = await inspectWarehouse(place, config.files, config.without ?? null)
  print(stateLine(state))
  for (const folder of folders) for (const line of folderLines(folder, state)) print(line)
  if (folders.length === 0) print(`there is no metadata file under ${warehouseUrl}`)
  print('\nRegister one with: npm run repair -- --register LOCATION [--as firn.events], or every table that the catalog does not know with: npm run repair -- --all')
}

function stateLine (state: StateReport): string {
  switch (state.kind) {
    case 'none': return 'the catalog has no state: it was never started here, or its folder is gone'
    case 'busy': return 'the catalog runs: what follows is what lies in the warehouse; stop the line before anything is registered'
    case 'sound': return `the catalog's state is sound: ${state.entries.length} tables and views`
    case 'older': return `the catalog's state is not the newest (${state.reason}): register what is newer, or go on with it by --take-older`
    case 'damaged': return `the catalog's state is damaged (${state.reason}): registering puts it aside and begins a new one`
  }
}

function folderLines (found: FolderReport, state: StateReport): string[] {
  const { folder, name, known, files, reports } = found
  const at = known.map(({ id, location }) => `in the catalog as ${printIdentifier(id)} at ${baseOf(location)}`).join(', ')
  const title = name === null ? folder : printIdentifier(name)
  const knows = at !== '' ? at : state.kind === 'sound' ? 'not in the catalog' : 'the catalog cannot be asked'
  return ['', `${title}: ${knows}; ${files.length} metadata files`, ...reports.map(report => `  ${fileLine(report)}`), ...wayBack(found)]
}

/** For a table whose current file is not there or does not read. */
function wayBack ({ known, reports, newestThatReads: best }: FolderReport): string[] {
  const ill = known.find(({ location }) => !reports.some(({ file, unreadable }) => file.location === location && unreadable === null))
  if (ill === undefined || ill.location === best?.file.location) return []
  return best === null
    ? ['  None of them reads: put the folder back from a backup']
    : [`  The newest that reads: npm run repair -- --register ${best.file.location} --as ${printIdentifier(ill.id)}`]
}

function fileLine ({ file, snapshots, newestMs, rows, unreadable, metadata }: FileReport): string {
  if (metadata === null) return `${file.location}  NOT READABLE (${String(unreadable)})`
  const time = newestMs === null ? 'no time' : new Date(newestMs).toISOString().replace('T', ' ').slice(0, 19) + ' UTC'
  return `${file.location}  ${time}  ${snapshots} snapshots  ${rows ?? 'unknown'} rows  ${unreadable === null ? 'readable' : `NOT READABLE (${unreadable})`}`
}

function sayRegistered (registered: readonly Registered[]): void {
  if (registered.length === 0) print('nothing to register: the catalog knows every table that can be read')
  for (const { id, report, before, putAside } of registered) {
    if (putAside !== null) print(`the damaged state was put aside in ${putAside}`)
    print(`${printIdentifier(id)} is registered at ${report.file.location}: ${report.snapshots} snapshots, ${report.rows ?? 'unknown'} rows${before === null ? '' : `; before it was at ${before}`}`)
    print(`  ${nextStep(id)}`)
  }
}

/** What follows from an earlier state of each kind of table. */
function nextStep (id: TableIdentifier): string {
  switch (printIdentifier(id)) {
    case 'firn.events': return 'Start the line: the writer goes on at the offsets that are recorded in this file. What was committed later it reads again as far as the log holds it; where the log does not, it halts and names the choices (--writer-resume-from …)'
    case 'firn.dead_letters': return 'Start the line: what this file does not list is judged again as far as the log holds it'
    default: return id.namespace[0] === 'analytics' ? `Start the line: a model is brought up to date by itself; npm run models -- --full ${id.name} computes it anew` : 'Start the line: readers see it as it was then'
  }
}

function nameOf (text: string): TableIdentifier {
  const parts = text.split('.')
  return { namespace: parts.slice(0, -1), name: parts.at(-1)! }
}

function baseOf (location: string): string {
  return location.slice(location.lastIndexOf('/') + 1)
}
