// `npm run docs`: writes the generated parts of the pages in docs/ from the code and the models' headers.
// `--check` only says whether they are fresh.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatedPages } from './generated-pages.ts'
import { fillIn } from './reference-tables.ts'
import { complain, show } from '../../runtime/index.ts'

const root = join(import.meta.dirname, '../..')

for (const [page, tables] of Object.entries(await generatedPages())) {
  const file = join(root, page)
  const before = readFileSync(file, 'utf8')
  const after = fillIn(before, tables)
  if (before === after) {
    show(`${page} is fresh`)
  } else if (process.argv.includes('--check')) {
    complain(`${page} differs from the code: run npm run docs and commit it`)
    process.exitCode = 1
  } else {
    writeFileSync(file, after)
    show(`${page} is written`)
  }
}
