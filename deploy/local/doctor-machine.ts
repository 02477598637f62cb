// What the machine has to offer: the pinned Node and packages, room on the disk, a data folder that can be written and
// whose sync works, on a file system that two processes may map at once.

import { createRequire } from 'node:module'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { checkDataFolder, sentenceOf } from '../../runtime/index.ts'
import type { Finding } from './doctor.ts'

const diskFreeBytesMin = 2 * 2 ** 30
const diskFreeBytesComfortable = 12 * 2 ** 30
const memoryBytesMin = 2 * 2 ** 30
const syncMsComfortable = 50
const syncs = 5

/** Magic numbers of statfs(2) for file systems on which an mmap of another machine's pages is not coherent. */
const networkFileSystems = new Map<number, string>([
  [0x6969, 'NFS'], [0x517b, 'SMB'], [0xff534d42, 'CIFS'], [0xfe534d42, 'SMB2'], [0x5346414f, 'AFS'], [0xc36400, 'Ceph'], [0x1021997, '9p'], [0x47504653, 'GPFS'], [0xbd00bd0, 'Lustre']
])
const fuse = 0x65735546

export function * checkMachine (dataDir: string): Generator<Finding> {
  yield checkNode()
  yield * ['@duckdb/node-api', 'lmdb'].map(checkPackage)
  yield totalmem() < memoryBytesMin
    ? { what: 'memory', state: 'warn', detail: `${gibibytes(totalmem())} GiB: 2 GiB are comfortable; lower FIRN_WRITER_MEMORY_BYTES_MAX` }
    : { what: 'memory', state: 'ok', detail: `${gibibytes(totalmem())} GiB` }
  yield * checkDataDir(resolve(dataDir))
}

function checkNode (): Finding {
  const pinned = (JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { dependencies: { node: string } }).dependencies.node
  return process.versions.node === pinned
    ? { what: 'node', state: 'ok', detail: process.versions.node }
    : { what: 'node', state: 'fail', detail: `${process.versions.node} runs, ${pinned} is wanted: start through npm (npm run doctor)` }
}

function checkPackage (name: string): Finding {
  try {
    createRequire(import.meta.url)(name)
    return { what: name, state: 'ok', detail: 'its native part loads' }
  } catch (error) {
    return { what: name, state: 'fail', detail: `its native part does not load (${sentenceOf(error).slice(0, 120)}): delete node_modules and run npm start again` }
  }
}

function * checkDataDir (dir: string): Generator<Finding> {
  try {
    mkdirSync(dir, { recursive: true })
    checkDataFolder(dir)
    const file = join(dir, `.doctor-${process.pid}`)
    const began = performance.now()
    const fd = openSync(file, 'wx')
    try {
      for (let i = 0; i < syncs; i++) {
        writeSync(fd, 'x')
        fsyncSync(fd)
      }
    } finally {
      closeSync(fd)
      rmSync(file)
    }
    const syncMs = (performance.now() - began) / syncs
    yield syncMs > syncMsComfortable
      ? { what: 'data folder', state: 'warn', detail: `${dir} can be written, but one fsync takes ${syncMs.toFixed(0)} ms: every 202 waits for one; set FIRN_DATA_DIR to a faster disk` }
      : { what: 'data folder', state: 'ok', detail: `${dir} can be written, one fsync takes ${syncMs.toFixed(1)} ms` }
  } catch (error) {
    yield { what: 'data folder', state: 'fail', detail: sentenceOf(error) }
    return
  }
  const { type, bavail, bsize } = statfsSync(dir)
  const network = networkFileSystems.get(type >>> 0)
  if (network !== undefined) yield { what: 'file system', state: 'fail', detail: `${network} is a network file system, where the log cannot keep its promises: set FIRN_DATA_DIR to a local disk` }
  else if (type >>> 0 === fuse) yield { what: 'file system', state: 'warn', detail: 'a FUSE file system: make sure that it is local, or set FIRN_DATA_DIR to a local disk' }
  else yield { what: 'file system', state: 'ok', detail: 'local' }
  const free = bavail * bsize
  if (free < diskFreeBytesMin) yield { what: 'disk space', state: 'fail', detail: `${gibibytes(free)} GiB are free: at least 2 GiB are needed; free some, or set FIRN_DATA_DIR` }
  else if (free < diskFreeBytesComfortable) yield { what: 'disk space', state: 'warn', detail: `${gibibytes(free)} GiB are free: the log alone may take FIRN_LOG_BYTES_MAX (10 GiB); lower it, or free some` }
  else yield { what: 'disk space', state: 'ok', detail: `${gibibytes(free)} GiB free` }
}

function gibibytes (bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1)
}
