/** Where a new table or view gets its files, unless the request says so. */
import { randomUUID } from 'node:crypto'
import type { TableIdentifier } from '../spec/types.ts'
import type { CatalogState } from './state.ts'

const folderBytesMax = 200

/** `<warehouse>/<namespace>/<name>`; where something lies there already, or the name does not make a good folder, a location of its own. */
export async function chooseLocation(state: CatalogState, id: TableIdentifier): Promise<string> {
  const names = [...id.namespace, id.name]
  const folders = names.map(name => cut(name.replace(/[/\\%?#*:<>|"]|^\.+/g, '_')))
  const plain = `${state.warehouse}/${folders.join('/')}`
  const own = () => `${plain}-${randomUUID().slice(0, 8)}`
  if (folders.some((folder, index) => folder !== names[index])) return own()
  // A renamed or dropped table leaves its files there: two tables must not share a folder.
  for await (const _file of state.storage.list(`${plain}/metadata`)) return own()
  return plain
}

/** With room for the id of a location of its own: a name on disk has 255 bytes at most. */
function cut(name: string): string {
  let text = name.slice(0, folderBytesMax)
  while (Buffer.byteLength(text) > folderBytesMax) text = text.slice(0, -1)
  return text.toWellFormed()
}
