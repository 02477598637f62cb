// `npm run docs`: writes the README's tables from the code. `--check` only says whether they are fresh.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fillIn, readmeTables } from './readme-tables.ts'

const file = join(import.meta.dirname, '../../README.md')
const before = readFileSync(file, 'utf8')
const after = fillIn(before, readmeTables())
if (before === after) {
  process.stdout.write('README.md is fresh\n')
} else if (process.argv.includes('--check')) {
  process.stderr.write('README.md differs from the code: run npm run docs and commit it\n')
  process.exitCode = 1
} else {
  writeFileSync(file, after)
  process.stdout.write('README.md is written\n')
}
