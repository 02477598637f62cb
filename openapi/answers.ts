// The answers of the gateway as JSON schemas and OpenAPI responses: what a 202 holds, what every refusal holds,
// and one example of each. The codes of the contract come from the registry in errors.ts.
import { Type } from 'typebox'
import { contractErrors, describe } from './errors.ts'

const position = Type.Object({
  topic: Type.String(),
  partition: Type.Integer({ minimum: 0 }),
  offset: Type.Integer({ minimum: 0 })
}, { description: 'Where the event lies in the log; null while it waits in the spool of the gateway.' })

const eventError = Type.Object({
  index: Type.Integer({ minimum: 0, description: 'Place of the event in the request, from 0; blank lines do not count.' }),
  event_id: Type.Union([Type.String(), Type.Null()], { description: 'The id of the refused event, when it could be read.' }),
  code: Type.String({ examples: ['EVENT_FIELD_TYPE'] }),
  path: Type.Union([Type.String(), Type.Null()], { description: 'The field, such as amount or location.latitude.' }),
  message: Type.String()
})

export const answerSchemas = {
  AcceptedEvent: Type.Object({ event_id: Type.String(), status: Type.Literal('accepted'), position: Type.Union([position, Type.Null()]) }, { description: 'The event is durable: it will be a row.' }),
  AcceptedEvents: Type.Object({
    accepted: Type.Integer({ minimum: 0 }),
    rejected: Type.Integer({ minimum: 0 }),
    errors: Type.Array(eventError)
  }, { description: 'The accepted events are durable; the rejected ones are listed with their reasons.' }),
  Refusals: Type.Object({
    refusals: Type.Array(Type.Object({
      code: Type.String({ description: 'Of the event, or of the body.' }),
      key: Type.Union([Type.String(), Type.Null()], { description: 'The name of the write key; null where none is wanted.' }),
      count: Type.Integer({ minimum: 1 }),
      firstAt: Type.String({ format: 'date-time' }),
      lastAt: Type.String({ format: 'date-time' }),
      samples: Type.Array(Type.Object({
        at: Type.String({ format: 'date-time' }),
        event_id: Type.Union([Type.String(), Type.Null()]),
        path: Type.Union([Type.String(), Type.Null()], { description: 'The field that was wrong.' }),
        message: Type.String()
      }), { description: 'The latest, cut.' })
    }))
  }, { description: 'What was refused, by code and key, the latest first. Over restarts, within a bound.' }),
  RefusedHours: Type.Object({
    gateway: Type.String({ description: 'Names the counts of this gateway, over restarts.' }),
    hours: Type.Array(Type.Object({
      hour: Type.String({ format: 'date-time' }),
      code: Type.String(),
      key: Type.Union([Type.String(), Type.Null()]),
      events: Type.Integer({ minimum: 1, description: 'Refused events; a body that could not be read counts as one.' })
    }))
  }, { description: 'How many were refused in each of the last 48 hours.' }),
  Error: Type.Object({
    code: Type.String({ description: 'Stable, for programs.' }),
    message: Type.String({ description: 'What is wrong, and what to do.' }),
    path: Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'The field that is wrong, if it is one.' })),
    retryable: Type.Boolean({ description: 'Whether the same request may succeed later.' }),
    requestId: Type.String({ description: 'Finds the request in the logs.' }),
    accepted: Type.Optional(Type.Integer({ description: 'On POST /v1/events when no event was valid: 0.' })),
    rejected: Type.Optional(Type.Integer({ minimum: 0 })),
    errors: Type.Optional(Type.Array(eventError))
  })
}

export function acceptedResponse (): object {
  return {
    description: 'Durable: acknowledged by all in-sync replicas, or on disk. A request that was one event gets its position; an array, `{"events": […]}` or NDJSON gets the counts and the refused events.',
    content: {
      'application/json': {
        schema: { oneOf: [reference('AcceptedEvent'), reference('AcceptedEvents')] },
        examples: {
          single: { summary: 'One event', value: { event_id: 'e-1', status: 'accepted', position: { topic: 'ecommerce_events', partition: 0, offset: 17 } } },
          batch: {
            summary: 'Several events, one of them refused',
            value: {
              accepted: 2,
              rejected: 1,
              errors: [{ index: 1, event_id: 'e-2', code: 'EVENT_FIELD_TYPE', path: 'quantity', message: describe('EVENT_FIELD_TYPE', { path: 'quantity', expected: 'an integer', got: '"two"' }) }]
            }
          }
        }
      }
    }
  }
}

export function refusal (description: string, example: { code: string, message: string, path?: string, retryable: boolean }, headers?: object): object {
  return {
    description,
    ...(headers ? { headers } : {}),
    content: { 'application/json': { schema: reference('Error'), example: { ...example, requestId: 'req-1' } } }
  }
}

export const retryAfter = { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } } }

/** The contract's codes as a Markdown table, for the description of the 400. */
export function codeTable (status: number): string {
  const rows = Object.entries(contractErrors).filter(([, { httpStatus }]) => httpStatus === status)
  return ['| code | message |', '|---|---|', ...rows.map(([code, { message }]) => `| \`${code}\` | ${message} |`)].join('\n')
}

export function reference (name: string): object {
  return { $ref: `#/components/schemas/${name}` }
}
