// What is said to a worker process: one JSON object a line on its standard input; it answers with frames on its fourth file
// descriptor (3). It holds one statement at a time and ends when its standard input does.

import type { Format } from '../formats/format.ts'

export interface SandboxLimits {
  readonly memoryMiBMax: number
  readonly spillMiBMax: number
  readonly threadsMax: number
  readonly spillDir: string
  /** Of the whole process; beyond it the process ends itself. */
  readonly processMiBMax: number
}

export interface SandboxPlan {
  /** Differs when the views differ. */
  readonly key: string
  readonly setup: readonly { readonly sql: string, readonly table?: string }[]
  /** Tables whose view must not fail. */
  readonly named: readonly string[]
  /** The only files that can be opened. */
  readonly paths: readonly string[]
}

export interface AnswerShape {
  readonly format: Format
  readonly rowsMax: number
  readonly bytesMax: number
  readonly queryId: string
  readonly snapshots: Readonly<Record<string, string>>
}

export type Command =
  | { readonly do: 'limits', readonly limits: SandboxLimits }
  | { readonly do: 'run', readonly sql: string, readonly key: string, readonly shape: AnswerShape }
  | { readonly do: 'plan', readonly plan: SandboxPlan }
  | { readonly do: 'interrupt' }

/** With which a process ends itself for want of memory: nobody else sends it. */
export const memorySignal = 'SIGVTALRM'
