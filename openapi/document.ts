// The OpenAPI 3.1 document of the gateway, made from the contract: routes, bodies with an example per event type,
// answers. Written for a stranger who reads it at /docs. `npm run contract` keeps openapi.json equal to it.
import { acceptedResponse, answerSchemas, codeTable, reference, refusal, retryAfter } from './answers.ts'
import { contract } from './contract.ts'
import { wordsForNothing } from './identities.ts'
import type { Contract } from './contract.ts'
import { exampleEvent } from './examples.ts'
import { eventSchema } from './schemas.ts'

const exampleTime = '2025-03-14T09:26:53.589Z'

const introduction = `POST an event; seconds later it is a row in an Apache Iceberg table.

- **202 means durable.** Until then nothing is promised; after it nothing is lost.
- **Safe to retry.** \`event_id\` is the idempotency key: the same id sent twice within the age window lands once.
- **One answer per event.** In an array or NDJSON the good events land and the bad ones are listed.
- **Nothing is thrown away.** Fields that the contract does not name are kept under \`properties.$extra\`.
- **Ids that mean nothing** (blank, an UUID of zeros, or in any case ${wordsForNothing.map(word => `\`${word}\``).join(', ')}) are refused where an id is required and absent where it is optional.
- **A currency** is an ISO 4217 code in any case; what is no code of the list is absent. What is absent so stays under \`properties.$extra\` as it was sent.
- **Time** lies by default at most 60 minutes ahead of and 7 days behind the time of receipt. A client that sends \`sent_at\` (the time of sending, set anew for each attempt) is not refused for a wrong clock: its times are corrected by the difference.
- **Money** has at most two decimals; more are refused, or rounded where the operator has set \`FIRN_MONEY_ROUND\`, and kept as sent under \`properties.$extra\`.`

const postDescription = `Takes one event, an array of events, \`{"events": […]}\`, or one event per line (NDJSON).
Bodies may be compressed (\`Content-Encoding: gzip\`, \`br\`, \`zstd\`). \`text/plain\` is read as JSON, or as NDJSON when it has several lines: it is what \`navigator.sendBeacon\` sends.
Limits by default: 64 KiB an event, 8 MiB a body after decompression, 10,000 events a request.

Refused, because two JSON readers may read them differently: a key twice in one object, integers beyond ±(2⁵³ − 1), numbers beyond a double, \`\\u0000\`, halves of surrogate pairs, more than 32 levels, anything but UTF-8. \`null\` counts as absent.`

export function openApiDocument (timestamp = exampleTime): object {
  return documentOf(contract, timestamp)
}

export function documentOf (contract: Contract, timestamp: string): object {
  const document = {
    openapi: '3.1.0',
    info: { title: 'firn', version: '1', summary: 'Events over HTTP, exactly once, as rows in Apache Iceberg tables', description: introduction, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/', description: 'this gateway' }],
    tags: [
      { name: 'events', description: 'Send events.' },
      { name: 'contract', description: 'What an event is.' },
      { name: 'health', description: 'For load balancers and monitoring.' }
    ],
    paths: {
      '/v1/events': { post: postEvents('postEvents', false) },
      '/events': { post: postEvents('postEventsAlias', true) },
      '/v1/refusals': {
        get: {
          operationId: 'getRefusals',
          tags: ['events'],
          summary: 'What was refused lately, with samples',
          description: 'With write keys each key sees its own, without keys everybody sees all.',
          security: [{}, { writeKey: [] }],
          responses: {
            200: { description: 'By code and key.', content: { 'application/json': { schema: reference('Refusals') } } },
            401: { $ref: '#/components/responses/NoKey' },
            429: { $ref: '#/components/responses/Busy' }
          }
        }
      },
      '/v1/refusals/hours': {
        get: {
          operationId: 'getRefusedHours',
          tags: ['events'],
          summary: 'How many were refused in each hour',
          description: 'Counts alone, by code and the name of the key, as open as /metrics.',
          responses: { 200: { description: 'By hour, code and key.', content: { 'application/json': { schema: reference('RefusedHours') } } } }
        }
      },
      '/v1/schemas/{event_type}': { get: getSchema(contract) },
      '/livez': { get: health('getLive', 'Is the process alive?', 'It is.') },
      '/readyz': { get: { ...health('getReady', 'Would an append be durable now?', 'It would.'), responses: { 200: { description: 'It would.' }, 503: refusal('It would not: send nothing here now.', { code: 'NOT_READY', message: 'the service is not ready: the log takes no events', retryable: true }) } } },
      '/metrics': { get: { operationId: 'getMetrics', tags: ['health'], summary: 'Metrics for Prometheus', responses: { 200: { description: 'Prometheus text format.', content: { 'text/plain': { schema: { type: 'string' } } } } } } }
    },
    components: {
      schemas: {
        Event: {
          description: 'An event of a declared type, or of any other well-formed type with the base fields.',
          anyOf: [...contract.eventTypes.map(({ name }) => reference(name)), reference('undeclared_event')]
        },
        Events: { type: 'array', items: reference('Event'), minItems: 1 },
        EventsObject: { type: 'object', properties: { events: reference('Events') }, required: ['events'], additionalProperties: false },
        ...Object.fromEntries(contract.eventTypes.map(type => [type.name, eventSchema(contract, type)])),
        undeclared_event: eventSchema(contract, null),
        ...answerSchemas
      },
      requestBodies: { Events: requestBody(contract, timestamp) },
      responses: postResponses(),
      securitySchemes: { writeKey: { type: 'http', scheme: 'bearer', description: 'A write key, where the gateway was given some. Also as header X-Write-Key or parameter write_key.' } }
    }
  }
  // through JSON once, so that it is plain data without TypeBox's own marks
  return JSON.parse(JSON.stringify(document)) as object
}

function postEvents (operationId: string, alias: boolean): object {
  return {
    operationId,
    tags: ['events'],
    summary: alias ? 'The same as POST /v1/events' : 'Send events',
    description: postDescription,
    security: [{}, { writeKey: [] }],
    requestBody: { $ref: '#/components/requestBodies/Events' },
    responses: {
      202: acceptedResponse(),
      ...Object.fromEntries(Object.entries(statusOf).map(([name, status]) => [status, { $ref: `#/components/responses/${name}` }]))
    }
  }
}

function requestBody (contract: Contract, timestamp: string): object {
  const events = Object.fromEntries(contract.eventTypes.map(type => [type.name, exampleEvent(contract, type, timestamp)]))
  const [first, second] = Object.values(events).map((event, n) => ({ ...event, event_id: `e-${n + 1}` }))
  const single = Object.fromEntries(contract.eventTypes.map(type => [type.name, { summary: `${type.family}: ${type.doc}`, value: events[type.name] }]))
  const lines = [first, second].map(event => JSON.stringify(event)).join('\n')
  return {
    required: true,
    content: {
      'application/json': {
        schema: { anyOf: [reference('Event'), reference('Events'), reference('EventsObject')] },
        examples: { ...single, array: { summary: 'An array of events', value: [first, second] }, object: { summary: 'An object with events', value: { events: [first, second] } } }
      },
      'application/x-ndjson': { schema: { type: 'string', description: 'One event per line; blank lines are skipped.' }, examples: { lines: { summary: 'Two events', value: lines } } },
      'text/plain': { schema: { type: 'string', description: 'JSON or NDJSON, as navigator.sendBeacon sends it.' }, examples: { beacon: { summary: 'One event', value: JSON.stringify(first) } } }
    }
  }
}

const statusOf = { BadEvents: 400, NoKey: 401, TooLarge: 413, UnknownMedia: 415, Busy: 429, Unavailable: 503 } as const

function postResponses (): Record<keyof typeof statusOf, object> {
  return {
    BadEvents: refusal(`No event of the request was valid, or the body cannot be read. Sending it again unchanged does not help.\n\n${codeTable(400)}`, { code: 'EVENT_FIELD_MISSING', message: 'order_id is required on order_created', path: 'order_id', retryable: false }),
    NoKey: refusal('The gateway wants a write key.', { code: 'GATEWAY_KEY_MISSING', message: 'this gateway wants a write key', retryable: false }),
    TooLarge: refusal(`Too large: an event, the body, or the number of events.\n\n${codeTable(413)}`, { code: 'BODY_TOO_MANY_EVENTS', message: 'the body holds more than 10000 events: split it into several requests', retryable: false }),
    UnknownMedia: refusal('A media type or content encoding that cannot be read here.', { code: 'GATEWAY_MEDIA_TYPE', message: 'a body of type image/png cannot be read here: send application/json, application/x-ndjson or text/plain', retryable: false }),
    Busy: refusal('Too much at once: send again later.', { code: 'GATEWAY_BUSY', message: 'too many bytes of events wait for the log', retryable: true }, retryAfter),
    Unavailable: refusal('The log cannot make events durable now: send again later, with the same event ids.', { code: 'GATEWAY_LOG_UNAVAILABLE', message: 'the log takes no events now', retryable: true }, retryAfter)
  }
}

function getSchema (contract: Contract): object {
  return {
    operationId: 'getSchema',
    tags: ['contract'],
    summary: 'The JSON schema of an event type',
    parameters: [{ name: 'event_type', in: 'path', required: true, schema: { type: 'string', enum: contract.eventTypes.map(({ name }) => name) } }],
    responses: {
      200: { description: 'JSON Schema 2020-12.', content: { 'application/json': { schema: { type: 'object' } } } },
      404: refusal('The contract declares no such type; events of it are accepted with the base fields.', { code: 'GATEWAY_TYPE_UNKNOWN', message: 'the contract declares no event type "loyalty_joined"', retryable: false })
    }
  }
}

function health (operationId: string, summary: string, description: string): object {
  return { operationId, tags: ['health'], summary, responses: { 200: { description } } }
}
