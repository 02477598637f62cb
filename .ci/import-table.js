// The import table of the layout (docs/internals/architecture.md) as an ESLint rule: which folder may import which, and only through the
// other folder's index.ts. Inside catalog/: spec ← files ← actions ← commit; nothing but a main.ts builds concrete
// backends. The rule reads paths only, so it costs nothing; import-table.test.ts shows each refusal once in red.

import { dirname, join, relative, resolve, sep } from 'node:path'

const libraries = ['openapi', 'catalog', 'runtime', 'log']

/** Folder → the folders that it may import, through their index.ts. */
const table = {
  openapi: [],
  catalog: [],
  runtime: [],
  log: ['openapi', 'runtime'],
  gateway: ['openapi', 'log', 'runtime'],
  writer: ['openapi', 'log', 'catalog', 'runtime'],
  compaction: ['catalog', 'runtime'],
  analytics: ['catalog', 'openapi', 'runtime'],
  loadtest: [...libraries],
  deploy: [...libraries]
}

/** Inside catalog/: part → the parts that it may import. What is not listed here is free. */
const catalogParts = {
  spec: ['spec'],
  files: ['spec', 'files'],
  storage: ['spec', 'storage'],
  catalogs: ['spec', 'catalogs'], // and the seam of storage: Glue's metadata files, credentials that catalogs hand out
  actions: ['spec', 'files', 'actions'],
  commit: ['spec', 'files', 'actions', 'commit'],
  scan: ['spec', 'files', 'actions', 'scan']
}

/** The interfaces in front of storage and catalogs: known to actions, commit and scan, which never see what is behind, and to catalogs. */
const catalogSeams = ['catalog/storage/storage.ts', 'catalog/catalogs/catalog.ts']

/** Where a concrete backend is chosen: only processes may, and the seam's own folder. */
const backends = [
  { owner: 'log', names: ['openLog', 'openLogFrom', 'openEmbeddedLog'] },
  { owner: 'catalog', names: ['openStorage', 'connectCatalog', 'startCatalogServer'] }
]

const messages = {
  folder: '{{from}}/ may not import {{to}}/: it may import {{allowed}}.',
  door: 'import {{to}}/ through {{to}}/index.ts, not through {{file}}.',
  service: 'nobody imports a service: what {{from}}/ wants to know from {{to}}/ it asks over HTTP.',
  part: 'inside catalog/, {{from}} may import {{allowed}}, not {{to}}.',
  io: 'catalog/spec does no input or output: {{source}} does not belong there.',
  backend: 'only main.ts builds a concrete backend: pass what {{name}} returns in from there.',
  cycle: 'a folder does not import its own index.ts: name the file.'
}

export const importTable = {
  meta: { type: 'problem', schema: [{ type: 'object', properties: { root: { type: 'string' } }, additionalProperties: false }], messages },
  create (context) {
    const root = context.options[0]?.root ?? resolve(import.meta.dirname, '..')
    const file = relative(root, context.filename).split(sep).join('/')
    const from = file.split('/')[0]
    if (!(from in table)) return {}
    // A file that opens with these words is part of the tests beside it.
    const forTests = isTest(file) || context.sourceCode.text.startsWith('// For tests')
    const report = (node, messageId, data = {}) => context.report({ node, messageId, data })

    const check = (node, source, names = []) => {
      if (typeof source !== 'string') return
      if (!source.startsWith('.')) {
        if (file.startsWith('catalog/spec/') && !isTest(file) && /^node:(fs|net|http|https|child_process|worker_threads|dgram)|^undici$/.test(source)) report(node, 'io', { source })
        return
      }
      const target = relative(root, join(dirname(resolve(root, file)), source)).split(sep).join('/')
      const to = target.split('/')[0]
      if (from === to) {
        if (target === `${from}/index.ts` && !isTest(file) && !isMain(file)) report(node, 'cycle')
        if (from === 'catalog') checkPart(node, file, target)
      } else if (to in table) checkFolder(node, target, to)
      checkBackend(node, to, names)
    }

    const checkFolder = (node, target, to) => {
      if (allowedSpecially(file, target)) return
      // What a library makes for tests is for those of others as well.
      if (libraries.includes(to) && table[from].includes(to) && target.endsWith('.fixture.ts') && (isTest(file) || forTests)) return
      if (!libraries.includes(to)) {
        // The load test knows the front doors of all; so does the supervisor, and what describes settings and errors.
        const frontDoor = new RegExp(`^${to}/(.*/)?(index|config|errors|main)\\.ts$`).test(target)
        if ((from === 'loadtest' || from === 'deploy') && frontDoor) return
        if ((from === 'loadtest' || from === 'deploy')) report(node, 'door', { to, file: target })
        else report(node, 'service', { from, to })
      } else if (!table[from].includes(to)) report(node, 'folder', { from, to, allowed: table[from].join(', ') || 'npm packages only' })
      else if (target !== `${to}/index.ts` && !((from === 'deploy' || from === 'loadtest') && /^[a-z]+\/(.*\/)?(config|errors)\.ts$/.test(target))) report(node, 'door', { to, file: target })
    }

    const checkPart = (node, file, target) => {
      const [part, targetPart] = [file, target].map(path => path.split('/').length > 2 ? path.split('/')[1] : path.split('/')[1].replace(/\.(test\.)?ts$/, ''))
      const allowed = catalogParts[part]
      if (allowed === undefined || isTest(file) || forTests || targetPart === 'errors' || allowed.includes(targetPart)) return
      if (catalogSeams.includes(target) && (allowed.includes('actions') || part === 'catalogs')) return
      report(node, 'part', { from: part, to: targetPart, allowed: allowed.join(', ') })
    }

    const checkBackend = (node, to, names) => {
      if (isMain(file) || forTests || from === 'loadtest' || from === 'deploy' || from === to) return
      const taken = names.find(name => backends.some(backend => backend.owner === to && backend.names.includes(name)))
      if (taken !== undefined) report(node, 'backend', { name: taken })
    }

    return {
      ImportDeclaration: node => {
        // A type alone builds nothing, but it still couples folders.
        const names = node.importKind === 'type' ? [] : node.specifiers.filter(one => one.importKind !== 'type').map(one => one.imported?.name ?? '')
        check(node, node.source.value, names)
      },
      ExportNamedDeclaration: node => { if (node.source) check(node, node.source.value) },
      ExportAllDeclaration: node => check(node, node.source.value),
      ImportExpression: node => check(node, node.source.value)
    }
  }
}

function isTest (file) {
  return /\.(test|servers)\.ts$|\/(test|behaviour|fixtures?)\//.test(file) || /\.suite\.ts$/.test(file)
}

/** A process: main.ts, and the run that the two commands of gateway/ingest share. */
function isMain (file) {
  return /(^|\/)main\.ts$/.test(file) || file === 'gateway/ingest/run.ts'
}

/** catalog/server/main.ts and its settings are a service inside a library's folder: they may stand on the ground. */
function allowedSpecially (file, target) {
  return /^catalog\/server\/(main|config)\.ts$/.test(file) && target === 'runtime/index.ts'
}
