/**
 * The folder on the local disk where this process keeps copies of files that lie elsewhere. Each process has its own inside the one that is
 * configured, so that two never meet; it goes with the process, and what a killed one left is removed by the next that starts.
 *
 * A folder is taken for left behind when its process is not there any more or, where processes of other machines or containers share the
 * disk, when nobody has touched it for an hour.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'

const touchMsInterval = 60_000
const leftBehindMs = 60 * 60_000

/** Folders of this process: one pid can have several, and none of them is left behind. */
const own = new Set<string>()

export class CopyFolder {
  readonly #parent: string
  #path: string | null = null
  #isKnown: (path: string) => boolean = () => false

  constructor(parent: string) {
    this.#parent = resolve(parent)
  }

  /** Made at the first use: a process that only reads metadata needs none. */
  get path(): string {
    this.#path ??= this.#open()
    return this.#path
  }

  /** Where the copy of a location lies. A flat name of fixed length: keys can be longer than a file name may be. */
  pathOf(location: string): string {
    const ending = /\.[a-z0-9]{1,10}$/i.exec(location)?.[0] ?? ''
    return join(this.path, createHash('sha256').update(location).digest('hex').slice(0, 40) + ending)
  }

  /** Files that this does not name and nobody changed for an hour are removed: a writer gave them up. */
  keepOnly(isKnown: (path: string) => boolean): void {
    this.#isKnown = isKnown
  }

  #open(): string {
    mkdirSync(this.#parent, { recursive: true, mode: 0o700 })
    removeLeftBehind(this.#parent)
    const path = join(this.#parent, `${hostname()}~${process.pid}~${crypto.randomUUID().slice(0, 8)}`)
    mkdirSync(path, { mode: 0o700 })
    if (own.size === 0) process.on('exit', () => { for (const folder of own) rmSync(folder, { recursive: true, force: true }) })
    own.add(path)
    setInterval(() => { this.#touch(path) }, touchMsInterval).unref()
    return path
  }

  #touch(path: string): void {
    try {
      utimesSync(path, new Date(), new Date())
      for (const name of readdirSync(path)) {
        const file = join(path, name)
        if (!this.#isKnown(file) && Date.now() - statSync(file).mtimeMs > leftBehindMs) rmSync(file, { force: true })
      }
    } catch {
      // Gone meanwhile, or the disk is away: whoever needs a copy will say so.
    }
  }
}

function removeLeftBehind(parent: string): void {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name)
    const [host, pid] = name.split('~')
    // A name that is not ours is nobody's business here.
    if (pid === undefined || !/^\d+$/.test(pid) || own.has(path)) continue
    const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    const isDead = host === hostname() ? Number(pid) === process.pid || !isAlive(Number(pid)) : Date.now() - touched > leftBehindMs
    if (isDead) rmSync(path, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
