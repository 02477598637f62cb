// The one shape of every expected failure: a stable code, a sentence with the values in it, whether a retry can
// help, and the HTTP status where it has one. Each folder declares its codes once, in errors.ts, through defineErrors;
// docs/reference/errors.md is checked against those registries.
// A programmer error is not a FirnError: it is an assertion, and it ends the process.

export interface ErrorEntry {
  /** A sentence: what failed, the {value}, what to do. `{name}` is replaced by values.name. */
  readonly message: string
  /** May the same request succeed later, unchanged? */
  readonly retryable: boolean
  readonly httpStatus?: number
}

export type ErrorRegistry = Readonly<Record<string, ErrorEntry>>

export class FirnError extends Error {
  readonly code: string
  readonly retryable: boolean
  readonly httpStatus?: number
  readonly values: Record<string, unknown>

  constructor (code: string, entry: ErrorEntry, values: Record<string, unknown>, cause?: unknown) {
    super(fillIn(entry.message, values), cause === undefined ? undefined : { cause })
    this.name = 'FirnError'
    this.code = code
    this.retryable = entry.retryable
    if (entry.httpStatus !== undefined) this.httpStatus = entry.httpStatus
    this.values = values
  }
}

export interface FolderErrors<R extends ErrorRegistry> {
  readonly folder: string
  readonly registry: R
  /** Returns the error; the caller throws it, so that the compiler sees where the flow ends. */
  fail<C extends keyof R & string>(code: C, values?: Record<string, unknown>, cause?: unknown): FirnError & { code: C }
  is<C extends keyof R & string>(error: unknown, code: C): error is FirnError & { code: C }
}

/** Makes the `fail` and `is` of one folder from its registry of codes. */
export function defineErrors<const R extends ErrorRegistry> (folder: string, registry: R): FolderErrors<R> {
  return {
    folder,
    registry,
    fail: (code, values = {}, cause) => {
      const entry = registry[code]
      if (entry === undefined) throw new TypeError(`${folder}/errors.ts declares no code ${code}`)
      return new FirnError(code, entry, values, cause) as never
    },
    is: (error, code): error is never => error instanceof FirnError && error.code === code
  }
}

function fillIn (message: string, values: Record<string, unknown>): string {
  return message.replace(/\{([A-Za-z0-9_]+)\}/g, (hole, name: string) => name in values ? String(values[name]) : hole)
}
