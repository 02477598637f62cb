// One worker process as the service sees it: a statement in, frames out, one at a time. Whoever stops reading early gets the
// statement interrupted, and the process killed when that does not help within interruptMsMax.

import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fail } from '../errors.ts'
import { FrameReader, type Frame } from './worker/frames.ts'
import { memorySignal, type AnswerShape, type Command, type SandboxLimits, type SandboxPlan } from './worker/protocol.ts'

/** An interrupt is looked at between chunks of rows; a single call of a function can be longer. */
const interruptMsMax = 1_000
const endMsMax = 1_000

export interface StatementRequest {
  readonly sql: string
  readonly plan: SandboxPlan
  readonly shape: AnswerShape
}

export class StatementProcess {
  readonly #child: ChildProcess
  readonly #frames: FrameReader
  readonly #limits: SandboxLimits
  readonly ended: Promise<string>
  #end: string | undefined
  /** Of the statement that runs. */
  #busy: object | null = null

  constructor (limits: SandboxLimits) {
    this.#limits = limits
    // Nothing of this process's environment: it holds the keys of the lake.
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'worker/main.ts')], { stdio: ['pipe', 'ignore', 'ignore', 'pipe'], env: { TZ: 'UTC' } })
    this.#child.stdin!.on('error', () => {})
    this.#frames = new FrameReader(this.#child.stdio[3] as Readable)
    this.ended = new Promise(resolve => {
      const end = (reason: string): void => { resolve(this.#end ??= reason) }
      this.#child.on('error', error => { end(error.message) })
      this.#child.on('exit', (code, signal) => { end(signal ?? `exit code ${code}`) })
    })
    this.#say({ do: 'limits', limits })
  }

  get isAlive (): boolean { return this.#end === undefined }

  /** Frames up to the end or failure of the statement. Throws QUERY_CRASHED, QUERY_MEMORY_LIMIT when the process goes. */
  async * run ({ sql, plan, shape }: StatementRequest): AsyncGenerator<Exclude<Frame, { kind: 'plan' }>> {
    const busy = this.#busy = {}
    let isOver = false
    try {
      this.#say({ do: 'run', sql, key: plan.key, shape })
      for (;;) {
        const frame = await this.#next()
        if (frame.kind === 'plan') {
          this.#say({ do: 'plan', plan })
          continue
        }
        isOver = frame.kind === 'end' || frame.kind === 'failed'
        if (isOver) this.#busy = null
        yield frame
        if (isOver) return
      }
    } finally {
      if (!isOver && this.isAlive) await this.#giveUp(plan)
      if (this.#busy === busy) this.#busy = null
    }
  }

  /** Ends the statement that runs: gently first, then with its process. */
  interrupt (): void {
    const busy = this.#busy
    if (busy === null) return
    this.#say({ do: 'interrupt' })
    setTimeout(() => { if (this.#busy === busy) this.kill() }, interruptMsMax)
  }

  kill (): void {
    this.#child.kill('SIGKILL')
  }

  async close (): Promise<void> {
    this.#child.stdin!.end()
    const late = setTimeout(() => { this.kill() }, endMsMax)
    await this.ended
    clearTimeout(late)
  }

  /** Reads on, so that a statement that is busy writing sees the interrupt. */
  async #giveUp (plan: SandboxPlan): Promise<void> {
    try {
      this.interrupt()
      for (;;) {
        const frame = await this.#next()
        if (frame.kind === 'plan') this.#say({ do: 'plan', plan })
        if (frame.kind === 'end' || frame.kind === 'failed') return
      }
    } catch {
      await this.ended
    }
  }

  async #next (): Promise<Frame> {
    const frame = await this.#frames.next()
    if (frame !== null) return frame
    this.kill()
    const reason = await this.ended
    throw reason === memorySignal ? fail('QUERY_MEMORY_LIMIT', { bound: `${this.#limits.memoryMiBMax} MiB (FIRN_QUERY_MEMORY_MIB_MAX)` }) : fail('QUERY_CRASHED', { reason })
  }

  #say (command: Command): void {
    if (this.isAlive) this.#child.stdin!.write(JSON.stringify(command) + '\n')
  }
}
