// The pages themselves: generated parts are fresh, links lead somewhere, named files and commands are there.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { generatedPages } from './generated-pages.ts'
import { fillIn } from './reference-tables.ts'

const root = join(import.meta.dirname, '../..')
const read = (page: string): string => readFileSync(join(root, page), 'utf8')
const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const readmeBytesMax = 12 * 1024

/** As the sites that show Markdown make them. */
function anchorsOf (text: string): Set<string> {
  const headings = [...text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!)
  return new Set(headings.map(heading => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')))
}

t.test('what is written from the code is fresh', async t => {
  for (const [page, tables] of Object.entries(await generatedPages())) t.equal(fillIn(read(page), tables), read(page), `${page}: npm run docs writes it`)
})

t.test('the README stays short', async t => {
  t.ok(Buffer.byteLength(read('README.md')) <= readmeBytesMax, 'what is longer belongs into docs/')
})

t.test('every link leads to a file, and to a heading in it', async t => {
  let links = 0
  for (const page of pages) {
    for (const [, target] of read(page).replaceAll(/^```[^]*?^```/gm, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [path, anchor] = target!.split('#') as [string, string | undefined]
      const file = path === '' ? page : join(dirname(page), path)
      t.ok(existsSync(join(root, file)), `${page} → ${target}`)
      if (anchor !== undefined && existsSync(join(root, file))) t.ok(anchorsOf(read(file)).has(anchor), `${page} → ${target}`)
      links++
    }
  }
  t.ok(links > 30, `${links} links`)
})

t.test('every file that a page names is there', async t => {
  const folders = 'analytics|catalog|compaction|deploy|docs|gateway|loadtest|log|openapi|runtime|writer|\\.ci'
  for (const page of pages.filter(page => page !== 'CHANGELOG.md' && page !== 'loadtest/RESULTS.md')) {
    for (const [, path] of read(page).matchAll(new RegExp(`\`((?:${folders})/[\\w./-]+)\``, 'g'))) {
      // Of a data folder, or to be named by the reader.
      if (/NAME|…|\.sqlite$/.test(path!)) continue
      t.ok(existsSync(join(root, path!)), `${page} names ${path}`)
    }
  }
})

t.test('every npm command that a page shows is a script', async t => {
  for (const page of pages.filter(page => page !== 'CHANGELOG.md')) {
    for (const [, name] of read(page).matchAll(/npm run ([a-z][a-z:]*[a-z])/g)) t.ok(name! in scripts, `${page}: npm run ${name}`)
  }
})

t.test('every script has its line among the commands', async t => {
  const commands = read('docs/reference/commands.md')
  for (const name of Object.keys(scripts)) t.ok(commands.includes(`npm run ${name}`) || commands.includes(`npm ${name}`), name)
})

t.test('each dependency at run time has its reason in docs/internals', async t => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
  const reasons = read('docs/internals/dependencies.md')
  for (const [name, version] of Object.entries(dependencies)) {
    t.ok(reasons.includes(`\`${name}\``), name)
    t.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${name} is pinned exactly`)
  }
})
