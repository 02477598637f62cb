// Whose fault is an error of the engine? Pure. A record's: it is looked for and becomes a dead letter. The machine's
// (memory, disk, network, rights): the batch is read again, and no record is blamed for it. Ours, or of a part around
// us: neither.

export type Fault = 'record' | 'machine' | 'other'

const machine = /Out of Memory|No space left|ENOSPC|disk is full|Disk quota|^(IO|HTTP|Connection|Permission) Error|^INTERRUPT Error|Interrupted/i
/** A path is made of the record's values. */
const ofPath = /File name too long|ENAMETOOLONG/
/** How each message of the engine begins; all else comes from somewhere else. */
const ofEngine = /^[A-Z][A-Za-z ]* Error: |^DuckDB ended a stream/
/** Statements that no record can be wrong in: they are ours. */
const ours = /^(Parser|Binder|Catalog|Dependency|TransactionContext|Parameter|Settings) Error/

export function faultOf (error: unknown): Fault {
  if (!(error instanceof Error)) return 'other'
  const { code } = error as { code?: unknown }
  if (code === 'WRITER_BATCH_BROKEN') return error.cause === undefined ? 'record' : faultOf(error.cause)
  const { message } = error
  if (ofPath.test(message)) return 'record'
  if (typeof code === 'string') return /^[A-Z]+_/.test(code) ? 'other' : 'machine'
  if (machine.test(message)) return 'machine'
  return ofEngine.test(message) && !ours.test(message) ? 'record' : 'other'
}

/** Of an engine that an earlier error has ended: nothing that is asked now is the reason. */
export function isAftermath (error: unknown): boolean {
  return error instanceof Error && (/database has been invalidated/.test(error.message) || isAftermath(error.cause))
}

/** After such an error DuckDB answers nothing any more: it has to be opened anew. */
export function isFatal (error: unknown): boolean {
  return error instanceof Error && (/^(FATAL|INTERNAL) Error|database has been invalidated/.test(error.message) || isFatal(error.cause))
}
