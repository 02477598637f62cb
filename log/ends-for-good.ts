// Some failures of the embedded log are final for the process that met them and for no other: after a sync that failed its
// pages may be lost, and files that were replaced are not the ones that are open. A new process opens what is on the disk, so
// the process ends by itself and is started again by what watches it. Nothing that was acknowledged is touched.

import type { Log } from './types.ts'

const forGood = new Set(['LOG_FAILED', 'LOG_RECREATED'])
const everyMsDefault = 1000

/** Looks every second; calls back once. Returns what ends the watch. */
export function watchForGood (log: { checkReady: () => ReturnType<Log['checkReady']> | Promise<string | void> }, onEnd: (error: Error) => void, everyMs: number = everyMsDefault): () => void {
  let isLooking = false
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    log.checkReady().then(() => undefined, (error: unknown) => {
      if (!forGood.has(String((error as { code?: unknown } | null)?.code))) return
      clearInterval(timer)
      onEnd(error as Error)
    }).finally(() => { isLooking = false })
  }, everyMs).unref()
  return () => { clearInterval(timer) }
}
