// `npm run contract`: compares the contract with the lock file, then writes openapi.json and contract.lock.json anew.
// `--check` writes nothing and ends with exit code 1 when a change would break somebody or a file is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { contract } from './contract.ts'
import { findBreaks } from './compatibility.ts'
import { openApiDocument } from './document.ts'
import { lockOf, printLock } from './lock.ts'
import type { ContractLock } from './lock.ts'

const lockFile = new URL('./contract.lock.json', import.meta.url)
const documentFile = new URL('./openapi.json', import.meta.url)

process.exitCode = run(process.argv.slice(2))

function run (args: string[]): number {
  const unknown = args.find(arg => arg !== '--check')
  if (unknown !== undefined) return say([`npm run contract knows no ${unknown}; it takes --check or nothing`])

  const lock = lockOf(contract)
  const locked = readText(lockFile)
  if (locked !== null) {
    const breaks = findBreaks(JSON.parse(locked) as ContractLock, lock)
    if (breaks.length > 0) return say(['the contract breaks what was published:', ...breaks.map(sentence => `  - ${sentence}`)])
  }
  const files = [
    { name: 'openapi/contract.lock.json', url: lockFile, text: printLock(lock) },
    { name: 'openapi/openapi.json', url: documentFile, text: `${JSON.stringify(openApiDocument(), null, 2)}\n` }
  ]
  const stale = files.filter(({ url, text }) => readText(url) !== text)
  if (args.includes('--check')) {
    if (stale.length > 0) return say(stale.map(({ name }) => `${name} is not what the contract says: run npm run contract and commit it`))
    console.log('the contract is compatible with what was published, and its files are fresh')
    return 0
  }
  for (const { url, text } of stale) writeFileSync(url, text)
  console.log(stale.length === 0 ? 'nothing to write: the files are fresh' : `wrote ${stale.map(({ name }) => name).join(' and ')}`)
  return 0
}

function readText (url: URL): string | null {
  return existsSync(url) ? readFileSync(url, 'utf8') : null
}

function say (lines: string[]): number {
  console.error(lines.join('\n'))
  return 1
}
