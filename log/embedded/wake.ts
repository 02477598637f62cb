// How an append in one process wakes a reader in another: the appender changes the times of a small file after its commit
// (at most every 5 ms), the reader watches that file through inotify, which costs nothing while nothing happens. A slow
// look at the log catches what a crash between commit and touch, or a machine without inotify, would hide.

import { closeSync, futimesSync, openSync, watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'

const wakeFile = 'wake'
const touchMsMin = 5
/** How long a missed wake-up may delay a reader; without inotify the reader looks at the log itself that often. */
export const lookMsWatched = 400
export const lookMsUnwatched = 20

export class Wake {
  readonly #path: string
  #descriptor: number | null = null
  #timer: NodeJS.Timeout | null = null
  #lastTouchMs = 0
  #watcher: FSWatcher | null = null
  #watchFailed = false
  readonly #waiting = new Set<() => void>()

  constructor (folder: string) {
    this.#path = join(folder, wakeFile)
  }

  /** Tells all readers that something was committed. */
  touch (): void {
    if (this.#timer !== null) return
    const waitMs = this.#lastTouchMs + touchMsMin - performance.now()
    if (waitMs <= 0) this.#touchNow()
    else {
      this.#timer = setTimeout(() => {
        this.#timer = null
        this.#touchNow()
      }, waitMs)
    }
  }

  /** Before a reader's first look: from here on no touch is missed. */
  listen (): void {
    if (this.#watcher !== null || this.#watchFailed) return
    try {
      this.#open()
      this.#watcher = watch(this.#path, { persistent: false }, () => { this.#wakeAll() })
      this.#watcher.on('error', () => {
        this.#watchFailed = true
      })
    } catch {
      this.#watchFailed = true
    }
  }

  /** Resolves at the next touch, after `waitMs`, or after the slow look's time. */
  async wait (waitMs: number, signal: { cancel?: () => void }): Promise<void> {
    const lookMs = this.#watchFailed ? lookMsUnwatched : lookMsWatched
    await new Promise<void>(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, Math.min(waitMs, lookMs))
      this.#waiting.add(done)
      signal.cancel = done
    })
  }

  close (): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer)
      this.#timer = null
      this.#touchNow()
    }
    this.#watcher?.close()
    this.#watcher = null
    this.#wakeAll()
    if (this.#descriptor !== null) closeSync(this.#descriptor)
    this.#descriptor = null
  }

  #touchNow (): void {
    this.#lastTouchMs = performance.now()
    const seconds = Date.now() / 1000
    try {
      futimesSync(this.#open(), seconds, seconds)
    } catch {
      // The slow look of the readers finds what this touch would have told them.
    }
  }

  #open (): number {
    return this.#descriptor ??= openSync(this.#path, 'a')
  }

  #wakeAll (): void {
    for (const done of [...this.#waiting]) done()
  }
}
