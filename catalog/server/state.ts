/** What the operations of the catalog work on, handed to each of them. */
import type { Storage } from '../storage/storage.ts'
import type { NewestPointers } from './behind.ts'
import type { MetadataFiles } from './metadata-files.ts'
import type { DemandInside } from './places.ts'
import type { PointerStore } from './pointer-store.ts'
import type { Turns } from './turns.ts'

export interface ServerLogger {
  info(values: object, message: string): void
  warn(values: object, message: string): void
  error(values: object, message: string): void
}

export interface CatalogState {
  readonly pointers: PointerStore
  readonly files: MetadataFiles
  /** Kept inside the warehouse. */
  readonly storage: Storage
  /** Asked of every location that a change names. */
  readonly demandInside: DemandInside
  readonly newest: NewestPointers
  /** Work on one table, view or namespace runs one after the other. */
  readonly turns: Turns
  /** Absolute, without a slash at the end. */
  readonly warehouse: string
  /** A namespace must exist before what is made in it; otherwise it comes into being with it. */
  readonly namespaceRequired: boolean
  readonly clock: () => number
  readonly logger: ServerLogger
  /** Work that a reply does not wait for: deleting what nobody points at any more. */
  readonly behind: (work: Promise<unknown>) => void
}
