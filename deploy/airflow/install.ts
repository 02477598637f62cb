// Airflow for tests: a Python environment of its own under ~/.cache/firn, made once per set of pinned packages. It is built
// under another name and renamed when it is whole, so a run that was killed leaves no half one.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../servers/run-tool.ts'

const uvVersion = '0.13.9'
const requirements = join(import.meta.dirname, 'requirements.txt')

/** The Python that has Airflow. Errors: SERVER_TOOL_MISSING, SERVER_FETCH_FAILED. */
export async function installAirflow (say: (sentence: string) => void): Promise<{ python: string, ms: number }> {
  const text = readFileSync(requirements, 'utf8')
  const version = /^apache-airflow==(\S+)$/m.exec(text)![1]!
  const python = (await runTool('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { what: 'Python' })).trim()
  const base = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'firn')
  const folder = join(base, `airflow-${version}-python${python}-${createHash('sha256').update(text + uvVersion).digest('hex').slice(0, 8)}`)
  const began = performance.now()
  const built = (): { python: string, ms: number } => ({ python: join(folder, 'bin/python'), ms: performance.now() - began })
  if (existsSync(folder)) return built()
  say(`installing Airflow ${version} into ${folder} (once) …`)
  mkdirSync(base, { recursive: true })
  const building = mkdtempSync(join(base, '.building-airflow-'))
  const what = `Airflow ${version}`
  try {
    await runTool('python3', ['-m', 'venv', building], { what })
    await runTool(join(building, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `uv==${uvVersion}`], { what })
    await runTool(join(building, 'bin/python'), ['-m', 'uv', 'pip', 'install', '--quiet', '--python', join(building, 'bin/python'), '-r', requirements], { what })
    await runTool(join(building, 'bin/python'), ['-W', 'ignore', '-c', 'import airflow.sdk'], { what, env: { AIRFLOW_HOME: building } })
    try {
      renameSync(building, folder)
    } catch (error) {
      if (!existsSync(folder)) throw error // somebody else was quicker: theirs is as good
    }
  } finally {
    rmSync(building, { recursive: true, force: true })
  }
  return built()
}
