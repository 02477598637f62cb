// What is fetched, through the ordinary client of each registry only: Maven (checksums enforced with -C), Go (its
// checksum database), pip (the index's hashes). Jars and archives are compared with the sha256 of versions.ts as well.

import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { cached } from './cache.ts'
import { fail } from './errors.ts'
import { runTool } from './run-tool.ts'
import { goPrograms, mavenFiles, mavenSets, sha256 } from './versions.ts'

/** The folder of a set of jars: the named ones and what they need at run time. */
export async function fetchJars (name: keyof typeof mavenSets): Promise<string> {
  const coordinates = mavenSets[name]
  const recipe = createHash('sha256').update(coordinates.join()).digest('hex').slice(0, 8)
  return await cached(`${name}-jars-${recipe}`, async folder => {
    const pom = join(folder, 'pom.xml')
    writeFileSync(pom, pomOf(coordinates))
    await runTool('mvn', ['-B', '-q', '-C', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`], { what: `the jars of ${name}` })
    rmSync(pom)
    check(name, await digestOfFolder(folder))
  })
}

/** Puts one large file of Maven's into a folder; its path. */
export async function fetchFile (name: keyof typeof mavenFiles, into: string): Promise<string> {
  const coordinate = mavenFiles[name]
  const folder = join(into, name)
  await runTool('mvn', ['-B', '-q', '-C', 'dependency:copy', `-Dartifact=${coordinate}`, `-DoutputDirectory=${folder}`], { what: coordinate, cwd: into })
  const file = join(folder, readdirSync(folder)[0] ?? '')
  check(name, await digestOfFile(file))
  return file
}

/** The path of a program that Go built. */
export async function buildGo (name: keyof typeof goPrograms): Promise<string> {
  const { module, binary } = goPrograms[name]
  const folder = await cached(`${name}-${module.split('@')[1]}`, async folder => {
    await runTool('go', ['install', '-trimpath', module], { what: module, cwd: folder, env: { GOBIN: folder, GOFLAGS: '-mod=mod' } })
  })
  return join(folder, binary)
}

/** A folder of Python packages for PYTHONPATH. Not a virtual environment: those do not survive the renaming of a finished entry. */
export async function buildTarget (name: string, what: readonly string[]): Promise<string> {
  return await cached(name, async folder => {
    const maker = `${folder}-pip`
    try {
      await runTool('python3', ['-m', 'venv', maker], { what: name })
      await runTool(join(maker, 'bin/python3'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-input', '--target', folder, ...what], { what: name })
    } finally {
      rmSync(maker, { recursive: true, force: true })
    }
  })
}

export async function digestOfFile (path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** One sha256 over the names and contents of a folder's files, in the order of their names. */
export async function digestOfFolder (folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort()) hash.update(`${name} ${await digestOfFile(join(folder, name))}\n`)
  return hash.digest('hex')
}

function check (what: keyof typeof sha256, actual: string): void {
  const expected = sha256[what]
  if (expected !== actual) throw fail('SERVER_CHECKSUM', { what, actual, expected })
}

function pomOf (coordinates: readonly string[]): string {
  const dependencies = coordinates.map(coordinate => {
    const [group, artifact, version, classifier] = coordinate.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${classifier === undefined ? '' : `<classifier>${classifier}</classifier>`}</dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>firn</groupId><artifactId>server</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>\n`
}
