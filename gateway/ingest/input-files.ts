// Which files are inputs: .json, .ndjson, .jsonl and .csv; never our own reports, hidden files or half-written ones.

import { statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { sentenceOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { readCsvLines } from './csv-lines.ts'
import { readJsonValues } from './json-values.ts'
import { readNdjsonLines } from './ndjson-lines.ts'
import { reportSuffix } from './rejected-report.ts'
import type { ReadLines } from './source-line.ts'

const readers: Readonly<Record<string, ReadLines>> = {
  '.json': readJsonValues,
  '.ndjson': readNdjsonLines,
  '.jsonl': readNdjsonLines,
  '.csv': readCsvLines
}

/** How a file is read. Throws INGEST_KIND. */
export function readerOf (path: string): ReadLines {
  const reader = readers[extname(path).toLowerCase()]
  if (reader === undefined) throw fail('INGEST_KIND', { path })
  return reader
}

/** Of a link: what it leads to; one that leads nowhere is no input yet. */
function isFile (link: string): boolean {
  return statSync(link, { throwIfNoEntry: false })?.isFile() === true
}

/** All inputs under a folder, by name. Throws INGEST_FOLDER. */
export async function listInputs (folder: string): Promise<string[]> {
  const root = resolve(folder)
  try {
    if (!(await stat(root)).isDirectory()) throw new Error('it is a file')
    const entries = await readdir(root, { recursive: true, withFileTypes: true })
    return entries
      .filter(entry => (entry.isFile() || (entry.isSymbolicLink() && isFile(join(entry.parentPath, entry.name)))) && extname(entry.name).toLowerCase() in readers && !entry.name.endsWith(reportSuffix) && !entry.name.startsWith('.'))
      .map(entry => join(entry.parentPath, entry.name))
      .sort()
  } catch (error) {
    throw fail('INGEST_FOLDER', { path: folder, reason: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : sentenceOf(error) }, error)
  }
}
