import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createHttpServer, createLogger } from '../../runtime/index.ts'
import { analyticsErrors } from '../errors.ts'
import { Queries } from './queries.ts'
import { serviceDocument } from './routes/document.ts'
import { routeKeyed } from './routes/keyed-route.ts'
import { routeModels } from './routes/models-route.ts'
import { routeQueries } from './routes/query-route.ts'
import { routeSaved } from './routes/saved-route.ts'

interface Operation { responses: Record<string, { description: string, content: Record<string, { schema: { properties?: { code?: { enum?: string[] } } } }> }> }
const document = serviceDocument() as { paths: Record<string, Record<string, Operation>>, components: { schemas: object } }

t.test('every route is documented, and nothing else is', async t => {
  const app = createHttpServer({ logger: createLogger('test', 'silent'), bodyBytesMax: 1000 })
  const routes: string[] = []
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one.toLowerCase()} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
  })
  await app.register(async scope => {
    routeQueries(scope, new Queries({} as never, { secondsMax: 1, atOnceMax: 1, waitingMax: 1, waitMsMax: 1 }))
    routeSaved(scope, {} as never)
    routeKeyed(scope, {} as never)
    routeModels(scope, {} as never, {} as never, async () => [])
  })
  await app.ready()
  const documented = Object.entries(document.paths).flatMap(([path, operations]) => Object.keys(operations).map(method => `${method} ${path}`))
  t.strictSame(documented.sort(), routes.sort())
})

t.test('every refusal is of the registry, under its own status', async t => {
  const seen = new Set<string>()
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const { responses } of Object.values(operations)) {
      t.ok(responses['401'], `${path} may ask for a key`)
      for (const [status, { content }] of Object.entries(responses)) {
        for (const code of content['application/json']?.schema.properties?.code?.enum ?? []) {
          seen.add(code)
          t.equal(String((analyticsErrors as Record<string, { httpStatus?: number }>)[code]?.httpStatus), status, `${path}: ${code}`)
        }
      }
    }
  }
  const thrown = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(file))
    .flatMap(file => [...readFileSync(join(import.meta.dirname, file), 'utf8').matchAll(/fail\('([A-Z_]+)'/g)].map(match => match[1]!))
  for (const code of new Set(thrown)) t.ok(seen.has(code), `${code} can be answered, so it is documented`)
})

t.test('every reference in the document leads somewhere', async t => {
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)) t.ok(Object.hasOwn(document.components.schemas, name!), `${name}`)
})
