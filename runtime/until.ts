// Waiting for what has to become so, for tests and tools: a busy machine needs longer than any fixed time.

import { setTimeout as sleep } from 'node:timers/promises'

const lookEveryMs = 5

/**
 * Asks again and again until it is so.
 *
 * @throws Error with the condition's own text after `msMax` milliseconds
 */
export async function until (isSo: () => boolean | Promise<boolean>, msMax = 30_000): Promise<void> {
  const endMs = performance.now() + msMax
  while (!await isSo()) {
    if (performance.now() > endMs) throw new Error(`not so within ${msMax} ms: ${isSo.toString()}`)
    await sleep(lookEveryMs)
  }
}
