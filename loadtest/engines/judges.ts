// The foreign judges: installs each once into a cache through its own registry client, then runs it as a process.
// PyIceberg lives in a virtual environment of Python 3; Java needs a JDK 17 or newer and Maven.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { LeafColumn, Question } from './question.ts'

const pyicebergVersion = '0.12.0'
const installMsMax = 20 * 60_000
const answerMsMax = 5 * 60_000

export interface Questions {
  readonly catalog: string
  readonly namespace: string
  readonly table: string
  /** Where rows are written, as `<judge>-<question>.txt`. */
  readonly folder: string
  readonly columns: readonly LeafColumn[]
  readonly questions: readonly Question[]
}

export interface Judge {
  readonly name: string
  /** Question name → count. */
  ask(questions: Questions): Record<string, number>
  run(words: readonly string[]): string
  /** Runs a program of the judge's language. */
  program?(text: string): string
}

export async function installJudges (): Promise<{ pyiceberg: Judge, java: Judge }> {
  const cache = cacheDir()
  mkdirSync(cache, { recursive: true })
  const python = installPyIceberg(join(cache, `pyiceberg-${pyicebergVersion}`))
  const jars = installJava(join(cache, 'java-judge'))
  const here = import.meta.dirname
  return {
    pyiceberg: { ...judge('pyiceberg', python, [join(here, 'python/judge.py')]), program: text => execFileSync(python, ['-c', text], { encoding: 'utf8', timeout: answerMsMax }) },
    java: judge('java', 'java', ['-Xmx1g', '-cp', join(jars, '*'), join(here, 'java/Judge.java')])
  }
}

function cacheDir (): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'firn')
}

function judge (name: string, program: string, words: readonly string[]): Judge {
  const run = (more: readonly string[]): string =>
    execFileSync(program, [...words, ...more], { encoding: 'utf8', timeout: answerMsMax, maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'pipe'] })
  return {
    name,
    run,
    ask: questions => {
      const file = join(questions.folder, `questions-${name}.json`)
      writeFileSync(file, JSON.stringify(questions))
      return (JSON.parse(run(['ask', file])) as { counts: Record<string, number> }).counts
    }
  }
}

function installPyIceberg (dir: string): string {
  const python = join(dir, 'bin/python')
  install(dir, `PyIceberg ${pyicebergVersion}`, () => {
    execute('python3', ['-m', 'venv', dir], 'python3 with its venv module is needed: install python3 and python3-venv')
    execute(join(dir, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', `pyiceberg[pyarrow]==${pyicebergVersion}`], 'pip could not install PyIceberg')
  })
  return python
}

function installJava (dir: string): string {
  const jars = join(dir, 'lib')
  install(dir, "Iceberg's Java library", () => {
    execute('mvn', ['-B', '-q', '-f', join(import.meta.dirname, 'java/pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`],
      'a JDK 17 or newer and Maven are needed: install openjdk-17-jdk-headless and maven')
  })
  return jars
}

/** Runs `work` unless it succeeded before; what a broken installation left is removed first. */
function install (dir: string, what: string, work: () => void): void {
  const done = join(dir, '.installed')
  if (existsSync(done)) return
  console.log(`installing ${what} into the cache; this happens once`)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  work()
  writeFileSync(done, '')
}

function execute (program: string, words: readonly string[], need: string): void {
  try {
    execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], timeout: installMsMax })
  } catch (error) {
    throw new Error(`${program} failed: ${need}`, { cause: error })
  }
}
