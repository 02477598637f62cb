// Runs a package client (mvn, go, pip) to its end: bounded in time, its words kept for the sentence when it fails.

import { spawn } from 'node:child_process'
import { fail } from './errors.ts'

const toolMsMax = 20 * 60_000
const wordsBytesMax = 20_000

const installOf: Record<string, string> = {
  mvn: 'on Debian or Ubuntu: apt-get install -y maven',
  go: 'install Go 1.24 or newer (go.dev/dl; on Debian 13: apt-get install -y golang-go)',
  python3: 'on Debian or Ubuntu: apt-get install -y python3 python3-venv',
  java: 'on Debian or Ubuntu: apt-get install -y default-jre-headless',
  tar: 'on Debian or Ubuntu: apt-get install -y tar',
  unzip: 'on Debian or Ubuntu: apt-get install -y unzip'
}

export interface ToolRun {
  /** What is fetched, for the sentence. */
  readonly what: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Resolves with what the tool printed. Errors: SERVER_TOOL_MISSING, SERVER_FETCH_FAILED. */
export async function runTool (tool: string, args: readonly string[], { what, env = {}, cwd }: ToolRun): Promise<string> {
  const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, timeout: toolMsMax, killSignal: 'SIGKILL', ...cwd === undefined ? {} : { cwd } })
  let words = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => { words = (words + chunk).slice(-wordsBytesMax) })
  const { promise, resolve, reject } = Promise.withResolvers<number | string>()
  child.once('error', reject)
  child.once('close', (code, signal) => { resolve(code ?? signal ?? 1) })
  try {
    const code = await promise
    if (code === 0) return words
    throw fail('SERVER_FETCH_FAILED', { what, tool, reason: `${tool} ended with ${code}: ${lastLines(words)}` })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw missingTool(tool, what)
    throw error
  }
}

export function missingTool (tool: string, server: string): Error {
  return fail('SERVER_TOOL_MISSING', { tool, server, install: installOf[tool] ?? `install ${tool}` })
}

/** The last lines that name an error, and the very last ones. */
export function lastLines (words: string): string {
  const lines = words.split('\n').map(line => line.trim()).filter(line => line !== '')
  const telling = lines.filter(line => /error|exception|fatal|cannot|refused|denied/i.test(line)).slice(-2)
  return lines.filter(line => telling.includes(line) || lines.slice(-2).includes(line)).slice(-4).join(' | ').slice(0, 600)
}
