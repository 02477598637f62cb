// Some failures of the embedded log are final for the process that met them and for no other: after a sync that failed its
// pages may be lost, and files that were replaced are not the ones that are open. A new process opens what is on the disk, so
// the process ends by itself and is started again by what watches it. Nothing that was acknowledged is touched.
// On a full disk a new process would meet the same end, and be taken for one that only dies: this one stays and refuses
// until there is room.

import { statfsSync } from 'node:fs'
import type { Log } from './types.ts'

const forGood = new Set(['LOG_FAILED', 'LOG_RECREATED'])
const everyMsDefault = 1000
/** What a log needs to be opened and appended to. */
export const roomBytesMin = 4 * 1024 * 1024

export interface GoodWatch {
  readonly everyMs?: number
  /** Bytes that are free where the log lies. */
  readonly freeBytes?: () => number
}

/** Looks every second; calls back once. Returns what ends the watch. */
export function watchForGood (log: { checkReady: () => ReturnType<Log['checkReady']> | Promise<string | void> }, onEnd: (error: Error) => void, { everyMs = everyMsDefault, freeBytes = () => Infinity }: GoodWatch = {}): () => void {
  let isLooking = false
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    log.checkReady().then(() => undefined, (error: unknown) => {
      if (!forGood.has(String((error as { code?: unknown } | null)?.code)) || freeBytes() < roomBytesMin) return
      clearInterval(timer)
      onEnd(error as Error)
    }).finally(() => { isLooking = false })
  }, everyMs).unref()
  return () => { clearInterval(timer) }
}

/** Of the disk of a folder. One that cannot be asked keeps nobody from ending. */
export function freeBytesOf (folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return Infinity
  }
}
