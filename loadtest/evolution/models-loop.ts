// The models of a checkout, run over and over beside the line by the command that everybody uses, as a release of that time would.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const runMsMax = 60_000
const pauseMs = 300

export interface ModelsRun { readonly ok: boolean, readonly printed: string }

export async function runModels (checkout: string, env: NodeJS.ProcessEnv): Promise<ModelsRun> {
  return await new Promise(resolve => {
    execFile(process.execPath, [join(checkout, 'analytics/runner/main.ts'), '--run'], { env, timeout: runMsMax, maxBuffer: 16 * 1024 ** 2 }, (error, stdout, stderr) => {
      resolve({ ok: error === null, printed: `${stdout}${stderr}` })
    })
  })
}

export interface ModelsLoop {
  readonly runs: readonly ModelsRun[]
  stop(): Promise<void>
}

/** `checkouts` is asked each round: their models run one after the other. */
export function loopModels (checkouts: () => readonly string[], env: NodeJS.ProcessEnv): ModelsLoop {
  const runs: ModelsRun[] = []
  let stopped = false
  const running = (async () => {
    while (!stopped) {
      for (const checkout of checkouts()) if (!stopped) runs.push(await runModels(checkout, env))
      await sleep(pauseMs)
    }
  })()
  return {
    runs,
    stop: async () => {
      stopped = true
      await running
    }
  }
}
