// The ledger of alerts on disk: lines of JSON, appended and made durable (fdatasync) in groups before anybody goes on. A
// torn last line is what a crash leaves and is dropped; any other line that cannot be read ends the start, since forgetting
// it would send mails again. After a failed write nothing is trusted but memory: the next append writes the whole ledger
// anew beside the old one and renames it. One process at a time owns a ledger.

import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { fail } from '../errors.ts'
import { takeLock, type Lock } from '../../runtime/index.ts'
import { applyLine, emptyState, linesOf, type LedgerLine, type LedgerState } from './ledger-state.ts'

/** Lines beyond what a fresh ledger would have, until it is written anew. */
const staleLinesMax = 20_000
const chunkLines = 5000

export interface Ledger {
  readonly state: LedgerState
  /** True when there was none: nothing has ever been told from here. */
  readonly isNew: boolean
  /** Resolves when the lines are durable; `state` has them from then on. */
  append(lines: readonly LedgerLine[]): Promise<void>
  close(): Promise<void>
}

export async function openLedger (folder: string, name: string, alertsMax: number): Promise<Ledger> {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.ndjson`)
  // Two senders on one ledger would send everything twice.
  const lock = takeLock(join(folder, `${name}.run.lock`), holder => fail('ALERT_LEDGER_LOCKED', { path, holder }))
  try {
    const state = emptyState()
    const isNew = !readLines(path, state)
    return await openWriter(path, state, isNew, alertsMax, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function openWriter (path: string, state: LedgerState, isNew: boolean, alertsMax: number, lock: Lock): Promise<Ledger> {
  let { handle, lines: linesWritten }: { handle: FileHandle | null, lines: number } = await rewrite(path, state, alertsMax)
  let linesFresh = linesWritten
  let waiting: Array<{ lines: readonly LedgerLine[], resolve: () => void, reject: (error: unknown) => void }> = []
  let writing: Promise<void> = Promise.resolve()
  let isWriting = false

  const writeAll = async (): Promise<void> => {
    // What arrives in the same turn shares one write.
    await Promise.resolve()
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      const lines = group.flatMap(({ lines }) => lines)
      try {
        if (handle === null || linesWritten - linesFresh > staleLinesMax) {
          await handle?.close().catch(() => {})
          handle = null
          ;({ handle, lines: linesWritten } = await rewrite(path, state, alertsMax))
          linesFresh = linesWritten
        }
        await handle.appendFile(lines.map(line => JSON.stringify(line) + '\n').join(''))
        await handle.datasync()
        linesWritten += lines.length
        for (const line of lines) applyLine(state, line)
        for (const { resolve } of group) resolve()
      } catch (error) {
        // What a failed write or sync left in the file is anybody's guess.
        await handle?.close().catch(() => {})
        handle = null
        for (const { reject } of group) reject(fail('ALERT_LEDGER_UNWRITABLE', { path, reason: (error as Error).message }, error))
      }
    }
    // In the same turn as the look at what waits: who comes now begins anew.
    isWriting = false
  }

  return {
    state,
    isNew,
    append: lines => new Promise((resolve, reject) => {
      waiting.push({ lines, resolve, reject })
      if (isWriting) return
      isWriting = true
      writing = writeAll()
    }),
    close: async () => {
      await writing
      await handle?.close()
      lock.release()
    }
  }
}

/** Reads what is there into `state`; false when there is nothing. */
function readLines (path: string, state: LedgerState): boolean {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw fail('ALERT_LEDGER_UNREADABLE', { path, line: 0, reason: (error as Error).message }, error)
  }
  const lines = text.split('\n')
  // What stands behind the last line end was never acknowledged.
  lines.pop()
  for (const [i, line] of lines.entries()) {
    try {
      applyLine(state, JSON.parse(line) as LedgerLine)
    } catch (error) {
      throw fail('ALERT_LEDGER_UNREADABLE', { path, line: i + 1, reason: (error as Error).message }, error)
    }
  }
  return true
}

/** The ledger as few lines, durable under its name before it is used. */
async function rewrite (path: string, state: LedgerState, alertsMax: number): Promise<{ handle: FileHandle, lines: number }> {
  const lines = linesOf(state, alertsMax)
  const handle = await open(`${path}.new`, 'w', 0o600)
  try {
    for (let at = 0; at < lines.length; at += chunkLines) {
      await handle.appendFile(lines.slice(at, at + chunkLines).map(line => JSON.stringify(line) + '\n').join(''))
    }
    await handle.sync()
    renameSync(`${path}.new`, path)
    const folder = await open(join(path, '..'), 'r')
    await folder.sync().finally(() => folder.close())
    return { handle, lines: lines.length }
  } catch (error) {
    await handle.close().catch(() => {})
    throw error
  }
}
