/**
 * One table or view of a moved data folder, written anew so that every location in it leads into the folder as it lies now: manifests, then
 * manifest lists, then the metadata file. Nothing is changed in place, nothing old is deleted: until a pointer names the new metadata file the
 * table is what it was.
 */
import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path/posix'
import { gunzipSync, gzipSync } from 'node:zlib'
import { parseJson, printJson } from '../spec/json.ts'
import { gzippedMetadata } from '../spec/names.ts'
import type { Storage } from '../storage/storage.ts'
import { moveLocation, moveTexts, placeOf, type FolderMove } from './moved-locations.ts'
import { rewriteAvro, type AvroRow } from './rewrite-avro.ts'

export interface RelocatedTable {
  readonly metadataLocation: string
  /** Files of the old state inside the folder that nothing names once the pointer is moved. */
  readonly superseded: readonly string[]
  /** Data files that lie elsewhere and stay there. */
  readonly filesOutside: number
}

/** The file of a position delete names the data files that it is about: it would have to be written anew as well. */
export class PositionDeletes extends Error {}

const ids = { manifestPath: 500, manifestLength: 501, dataFile: 2, content: 134, filePath: 100, fileFormat: 101, referenced: 143, lower: 125, upper: 128 }
/** The reserved column of a position delete file; deletion vectors carry its bounds too. */
const filePathColumn = 2_147_483_546

export async function relocateTable(storage: Storage, location: string, move: FolderMove): Promise<RelocatedTable> {
  const here = moveLocation(location, move)
  const bytes = await storage.read(here)
  const isGzip = gzippedMetadata.test(here)
  const metadata = moveTexts(parseJson((isGzip ? gunzipSync(bytes) : bytes).toString('utf8')), move) as Metadata
  const work = new TableFiles(storage, move)
  const superseded = [here, ...(metadata['metadata-log'] ?? []).map(entry => entry['metadata-file'])]
  for (const snapshot of metadata.snapshots ?? []) {
    if (snapshot.manifests !== undefined) throw new Error(`snapshot ${String(snapshot['snapshot-id'])} of ${here} lists its manifests by itself, as only the first version of the format did: let another engine rewrite the table first`)
    if (snapshot['manifest-list'] !== undefined) snapshot['manifest-list'] = await work.list(snapshot['manifest-list'])
  }
  // Files of earlier states still name the old folder: nobody shall go back to one of them.
  if (metadata['metadata-log'] !== undefined) metadata['metadata-log'] = []
  const json = Buffer.from(printJson(metadata))
  const metadataLocation = `${dirname(here)}/${nextNumber(here)}-${randomUUID()}${isGzip ? '.gz' : ''}.metadata.json`
  await storage.writeDurably(metadataLocation, isGzip ? gzipSync(json) : json)
  return { metadataLocation, superseded: [...superseded, ...work.superseded], filesOutside: work.filesOutside }
}

interface Metadata {
  'snapshots'?: { 'snapshot-id': bigint, 'manifest-list'?: string, 'manifests'?: unknown }[]
  'metadata-log'?: { 'metadata-file': string }[]
}

/** Lists and manifests are shared by snapshots: each is written once. */
class TableFiles {
  readonly superseded: string[] = []
  filesOutside = 0
  readonly #storage: Storage
  readonly #move: FolderMove
  readonly #lists = new Map<string, string>()
  readonly #manifests = new Map<string, { location: string, length: number }>()

  constructor(storage: Storage, move: FolderMove) {
    this.#storage = storage
    this.#move = move
  }

  async list(location: string): Promise<string> {
    const known = this.#lists.get(location)
    if (known !== undefined) return known
    const bytes = await rewriteAvro(await this.#storage.read(location), async (row, names) => {
      const [path, length] = [names.get(ids.manifestPath)!, names.get(ids.manifestLength)!]
      const manifest = await this.#manifest(String(row[path]))
      row[path] = manifest.location
      row[length] = BigInt(manifest.length)
    })
    const next = await this.#write(location, `snap-${randomUUID()}.avro`, bytes)
    this.#lists.set(location, next)
    return next
  }

  async #manifest(oldLocation: string): Promise<{ location: string, length: number }> {
    const known = this.#manifests.get(oldLocation)
    if (known !== undefined) return known
    const here = moveLocation(oldLocation, this.#move)
    const bytes = await rewriteAvro(await this.#storage.read(here), (row, names) => { this.#moveFile(row[names.get(ids.dataFile)!] as AvroRow, names) })
    const written = { location: await this.#write(here, `${randomUUID()}-m0.avro`, bytes), length: bytes.length }
    this.#manifests.set(oldLocation, written)
    return written
  }

  #moveFile(file: AvroRow, names: ReadonlyMap<number, string>): void {
    const name = (id: number): string => names.get(id) ?? `#${id}`
    const path = String(file[name(ids.filePath)])
    if (placeOf(path, this.#move) === 'outside') this.filesOutside++
    if (Number(file[name(ids.content)] ?? 0) === 1 && String(file[name(ids.fileFormat)]).toUpperCase() !== 'PUFFIN') throw new PositionDeletes(path)
    file[name(ids.filePath)] = moveLocation(path, this.#move)
    const referenced = file[name(ids.referenced)]
    if (typeof referenced === 'string') file[name(ids.referenced)] = moveLocation(referenced, this.#move)
    for (const bounds of [ids.lower, ids.upper].map(id => file[name(id)])) {
      if (!(bounds instanceof Map)) continue
      // A bound that was cut in the middle of the folder's name says nothing any more.
      const bound = bounds.get(filePathColumn) as Buffer | undefined
      if (bound !== undefined) bounds.set(filePathColumn, Buffer.from(moveLocation(bound.toString('utf8'), this.#move)))
    }
  }

  async #write(old: string, name: string, bytes: Buffer): Promise<string> {
    const location = `${dirname(old)}/${name}`
    await this.#storage.writeDurably(location, bytes)
    this.superseded.push(old)
    return location
  }
}

function nextNumber(location: string): string {
  const number = /\/(\d{1,9})-[^/]*$/.exec(location)?.[1]
  return String(number === undefined ? 1 : Number(number) + 1).padStart(5, '0')
}
