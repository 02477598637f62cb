import t from 'tap'
import { Linter } from 'eslint'
import { resolve } from 'node:path'
import tseslint from 'typescript-eslint'
// @ts-expect-error plain JavaScript, so that eslint.config.js can load it under any Node
import { importTable } from './import-table.js'

const root = resolve(import.meta.dirname, '..')

/** What the rule says about one line of code in one file. */
function complaints (file: string, code: string): string[] {
  const messages = new Linter().verify(code, [{
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser as Linter.Parser },
    plugins: { firn: { rules: { 'import-table': importTable } } },
    rules: { 'firn/import-table': 'error' }
  }], { filename: resolve(root, file) })
  return messages.map(message => message.message)
}

const red: Array<[string, string, string, RegExp]> = [
  ['a library imports no other library', 'openapi/x.ts', "import { a } from '../runtime/index.ts'", /openapi\/ may not import runtime\/: it may import npm packages only/],
  ['the ground imports nobody', 'runtime/x.ts', "import { a } from '../log/index.ts'", /runtime\/ may not import log\//],
  ['the log knows no table', 'log/embedded/x.ts', "import { a } from '../../catalog/index.ts'", /log\/ may not import catalog\//],
  ['the gateway knows no table', 'gateway/x.ts', "import { a } from '../catalog/index.ts'", /gateway\/ may not import catalog\//],
  ['compaction reads no log', 'compaction/x.ts', "import { a } from '../log/index.ts'", /compaction\/ may not import log\//],
  ['analytics reads no log', 'analytics/sql/x.ts', "import { a } from '../../log/index.ts'", /analytics\/ may not import log\//],
  ['another folder is entered by its index.ts', 'writer/x.ts', "import { a } from '../log/embedded/store.ts'", /import log\/ through log\/index\.ts/],
  ['what is made for tests is no door for others', 'analytics/x.ts', "import { a } from '../catalog/scan/x.fixture.ts'", /import catalog\/ through catalog\/index\.ts/],
  ['nor is it one past the table', 'gateway/x.test.ts', "import { a } from '../catalog/scan/x.fixture.ts'", /gateway\/ may not import catalog\//],
  ['a type counts as well', 'writer/x.ts', "import type { A } from '../log/types.ts'", /import log\/ through log\/index\.ts/],
  ['a re-export counts as well', 'writer/x.ts', "export * from '../log/types.ts'", /import log\/ through log\/index\.ts/],
  ['a dynamic import counts as well', 'gateway/x.ts', "await import('../catalog/index.ts')", /gateway\/ may not import catalog\//],
  ['nobody imports a service', 'writer/x.ts', "import { a } from '../gateway/index.ts'", /nobody imports a service/],
  ['the load test enters a service by its front door', 'loadtest/x.ts', "import { a } from '../writer/offsets.ts'", /import writer\/ through writer\/index\.ts/],
  ['the words of the spec do no input or output', 'catalog/spec/x.ts', "import { readFile } from 'node:fs/promises'", /catalog\/spec does no input or output/],
  ['spec knows no files', 'catalog/spec/x.ts', "import { a } from '../files/avro.ts'", /inside catalog\/, spec may import spec, not files/],
  ['files know no storage', 'catalog/files/x.ts', "import { a } from '../storage/local.ts'", /inside catalog\/, files may import spec, files, not storage/],
  ['actions know no commit loop', 'catalog/actions/x.ts', "import { a } from '../commit.ts'", /inside catalog\/, actions may import .* not commit/],
  ['actions know no concrete catalog', 'catalog/actions/x.ts', "import { a } from '../catalogs/rest.ts'", /not catalogs/],
  ['actions know no concrete storage', 'catalog/actions/x.ts', "import { a } from '../storage/local.ts'", /not storage/],
  ['the catalog server may use the ground only in its process', 'catalog/server/routes.ts', "import { a } from '../../runtime/index.ts'", /catalog\/ may not import runtime\//],
  ['only a process opens a log', 'writer/x.ts', "import { openLog } from '../log/index.ts'", /only main\.ts builds a concrete backend/],
  ['only a process connects to a catalog', 'writer/x.ts', "import { connectCatalog } from '../catalog/index.ts'", /only main\.ts builds a concrete backend/],
  ['a folder does not import its own door', 'log/embedded/x.ts', "import { a } from '../index.ts'", /does not import its own index\.ts/]
]

t.test('each rule of the import table is red where it is broken', async t => {
  for (const [name, file, code, expected] of red) {
    const said = complaints(file, code)
    t.equal(said.length, 1, name)
    t.match(said[0], expected, name)
  }
})

t.test('what the table allows is not complained about', async t => {
  for (const [file, code] of [
    ['gateway/x.ts', "import { a } from '../log/index.ts'; import { b } from '../openapi/index.ts'; import { c } from './y.ts'"],
    ['writer/main.ts', "import { openLog } from '../log/index.ts'; import { connectCatalog } from '../catalog/index.ts'"],
    ['writer/x.ts', "import { type Log } from '../log/index.ts'; import { commitSnapshot } from '../catalog/index.ts'"],
    ['catalog/actions/x.ts', "import { a } from '../files/manifest.ts'; import { b } from '../spec/types.ts'; import type { Storage } from '../storage/storage.ts'; import { fail } from '../errors.ts'"],
    ['catalog/server/main.ts', "import { runService } from '../../runtime/index.ts'"],
    ['loadtest/kill/x.ts', "import { gatewayErrors } from '../../gateway/errors.ts'; import { openLog } from '../../log/index.ts'"],
    ['deploy/local/x.ts', "import { gatewaySettings } from '../../gateway/config.ts'"],
    ['catalog/spec/x.ts', "import { createHash } from 'node:crypto'"],
    ['analytics/x.test.ts', "import { a } from '../catalog/scan/x.fixture.ts'"]
  ] as const) t.strictSame(complaints(file, code), [], file)
})
