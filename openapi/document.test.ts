import t from 'tap'
import { Compile } from 'typebox/compile'
import { Type } from 'typebox'
import { baseFields, contractColumns, contractErrors, defaults, eventTypes, openApiDocument, readEvents, rowColumns, schemaOf } from './index.ts'
import type { EventOf } from './index.ts'

interface Document {
  paths: Record<string, Record<string, { operationId: string, responses: Record<string, unknown> }>>
  components: { schemas: Record<string, object>, requestBodies: { Events: { content: Record<string, { examples: Record<string, { value: unknown }> }> } } }
}

const now = new Date().toISOString()
const document = openApiDocument(now) as Document
const options = { receivedAtMs: Date.now(), futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536, eventsMax: 10_000 }

t.test('every example in the document can be sent as it stands', async t => {
  const { content } = document.components.requestBodies.Events
  for (const [type, { examples }] of Object.entries(content)) {
    for (const [name, { value }] of Object.entries(examples)) {
      const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
      const { events } = readEvents(body, type === 'application/x-ndjson' ? 'ndjson' : 'json', options)
      t.ok(events.every(({ ok }) => ok), `${type} ${name}`)
    }
  }
})

t.test('every route has its own operation, every reference leads somewhere', async t => {
  const operations = Object.values(document.paths).flatMap(path => Object.values(path).map(({ operationId }) => operationId))
  t.equal(new Set(operations).size, operations.length)
  t.match(Object.keys(document.paths), ['/v1/events', '/events', '/v1/refusals', '/v1/refusals/hours', '/v1/schemas/{event_type}', '/livez', '/readyz', '/metrics'])
  t.match(Object.keys(document.paths['/v1/events']!['post']!.responses), ['202', '400', '401', '413', '415', '429', '503'])
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/([^"]+)"/g)) {
    const found = name!.split('/').reduce<unknown>((at, step) => (at as Record<string, unknown>)?.[step], document)
    t.ok(found, name!)
  }
})

t.test('the document says that 202 and refusals look as they do', async t => {
  const check = (name: string, value: unknown): boolean => Compile(Type.Unsafe(document.components.schemas[name] as never)).Check(value)
  t.ok(check('AcceptedEvent', { event_id: 'e', status: 'accepted', position: { topic: 't', partition: 0, offset: 1 } }))
  t.ok(check('AcceptedEvents', { accepted: 1, rejected: 1, errors: [{ index: 0, event_id: null, code: 'EVENT_NOT_JSON', path: null, message: '' }] }))
  t.ok(check('Error', { code: 'BODY_NOT_JSON', message: '', retryable: false, requestId: 'r' }))
  t.notOk(check('Error', { message: '' }))
})

t.test('every code of the registry is in the document', async t => {
  const printed = JSON.stringify(document)
  for (const [code, { message, httpStatus }] of Object.entries(contractErrors)) {
    t.ok(printed.includes(`\`${code}\``), code)
    t.ok(message.length > 10 && [400, 413].includes(httpStatus))
  }
})

t.test('schemas and columns come from the same fields', async t => {
  t.equal(schemaOf('no_such_type'), null)
  for (const { name, fields, required } of eventTypes) {
    const schema = schemaOf(name) as { properties: object, required: string[] }
    for (const field of [...baseFields, ...fields]) t.ok(field in schema.properties && contractColumns.some(({ wire }) => wire === field))
    for (const field of required) t.ok(schema.required.includes(field) && (fields as readonly string[]).includes(field))
  }
  t.equal(contractColumns.at(-1)?.name, 'properties')
  t.match(contractColumns.find(({ wire }) => wire === 'timestamp'), { name: 'event_time', type: 'timestamptz', required: true })
  t.match(contractColumns.find(({ wire }) => wire === 'amount'), { type: 'decimal(18, 2)', required: false })
  t.equal(new Set([...contractColumns, ...rowColumns].map(({ name }) => name)).size, contractColumns.length + rowColumns.length)
  t.same(defaults['order_created'], [{ field: 'currency', constant: 'USD' }, { field: 'amount', product: ['quantity', 'unit_price'] }])
})

t.test('the TypeScript type of an event follows from its definition', async t => {
  const event: EventOf<'order_created'> = { event_id: 'e', event_type: 'order_created', timestamp: now, order_id: 'o', amount: '12.50', location: 'Bavaria', order_status: 'NEW', user_id: null }
  // @ts-expect-error an order needs its order_id
  const incomplete: EventOf<'order_created'> = { event_id: 'e', event_type: 'order_created', timestamp: now }
  // @ts-expect-error a status outside the list
  const wrong: EventOf<'order_created'> = { ...event, order_status: 'LOST' }
  t.ok(event && incomplete && wrong)
})
