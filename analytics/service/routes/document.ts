// The OpenAPI document of the service, for a stranger who reads it at /docs. A test compares it with the routes that there are
// and with the registry of errors.

import { analyticsErrors } from '../../errors.ts'
import { mediaTypes } from '../formats/format.ts'
import { keyedModels } from './keyed-route.ts'
import { querySchema } from './query-route.ts'

type Code = keyof typeof analyticsErrors & string

const introduction = `Read-only SQL over the tables of the lake: \`firn.events\`, \`firn.dead_letters\`, and the models in \`analytics\`.

- **One statement that reads.** Files, network, settings and whatever writes are refused with a sentence.
- **Limits.** Time, memory, rows, bytes and how many run at once; an answer that is cut says so (\`"truncated": true\`, \`Firn-Truncated: true\` as a header, or as a trailer where the answer was streamed).
- **An answer can be pinned.** It names the snapshots that it read (\`snapshots\`, \`Firn-Snapshots\`); sent back as \`as_of\`, the same question gives the same rows for as long as the snapshots are kept.
- **Every digit is kept.** In JSON, integers of 64 bits and decimals are texts.
- **Who hangs up ends the statement**; so does \`DELETE /v1/queries/{id}\`, with an id of your own choice in \`id\`.`

const inStatement: readonly Code[] = ['SQL_MISSING', 'SQL_INVALID', 'SQL_READ_ONLY', 'SQL_REFUSED', 'SQL_NO_TABLES', 'SQL_NO_SUCH_SNAPSHOT', 'SQL_TABLE_UNREADABLE', 'SQL_CATALOG_AWAY', 'QUERY_FORMAT', 'QUERY_ID_TAKEN', 'QUERY_TOO_MANY', 'QUERY_WAITED', 'QUERY_TIME_LIMIT', 'QUERY_MEMORY_LIMIT', 'QUERY_CANCELLED', 'QUERY_CRASHED', 'QUERY_INCOMPLETE', 'QUERY_CLOSING', 'QUERY_AWAY', 'QUERY_FAILED']
const ofKey: readonly Code[] = ['QUERY_KEY_WRONG', 'QUERY_HOST', 'QUERY_ORIGIN']

export function serviceDocument (): object {
  return {
    openapi: '3.1.0',
    info: { title: 'firn questions', version: '1', summary: 'Questions to the tables, over HTTP', description: introduction, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/', description: 'this service' }],
    tags: [{ name: 'questions', description: 'Ask.' }, { name: 'orders', description: 'One order by its key.' }, { name: 'models', description: 'What there is to be asked about.' }],
    security: [{}, { key: [] }],
    paths: {
      '/v1/query': {
        post: {
          operationId: 'postQuery',
          tags: ['questions'],
          summary: 'Ask one statement',
          requestBody: { required: true, content: { 'application/json': { schema: reference('Question'), examples: { orders: { value: { sql: 'select order_status, count(*) as orders from orders group by order_status' } }, pinned: { value: { sql: 'select count(*) as events from firn.events', as_of: '2026-01-31T12:00:00Z', format: 'csv' } } } } } },
          responses: { 200: answerResponse(), ...refusals([...inStatement, ...ofKey]) }
        }
      },
      '/v1/queries/{id}': {
        get: { operationId: 'getQuery', tags: ['questions'], summary: 'How a statement is', parameters: [path('id', 'as chosen, or from Firn-Query-Id')], responses: { 200: json('How it is.', reference('QueryStatus')), ...refusals(['QUERY_UNKNOWN', ...ofKey]) } },
        delete: { operationId: 'deleteQuery', tags: ['questions'], summary: 'End a statement', parameters: [path('id', 'as chosen, or from Firn-Query-Id')], responses: { 200: json('It had ended already.', reference('QueryStatus')), 202: json('It ends.', reference('QueryStatus')), ...refusals(['QUERY_UNKNOWN', ...ofKey]) } }
      },
      '/v1/saved': { get: { operationId: 'getSaved', tags: ['questions'], summary: 'Questions that somebody wrote down', responses: { 200: json('Each with its parameters.', reference('SavedQueries')), ...refusals(['SAVED_INVALID', ...ofKey]) } } },
      '/v1/saved/{name}': {
        get: {
          operationId: 'getSavedAnswer',
          tags: ['questions'],
          summary: 'Ask one of them',
          description: 'Its parameters are query parameters; each becomes a literal of its type.',
          parameters: [path('name', 'from GET /v1/saved'), query('format', { enum: ['json', 'csv', 'csv-raw', 'arrow'] }), query('as_of', { type: 'string' }), query('id', querySchema.properties.id), { name: 'parameters', in: 'query', style: 'form', explode: true, schema: { type: 'object', additionalProperties: { type: 'string' } } }],
          responses: { 200: answerResponse(), ...refusals(['SAVED_UNKNOWN', 'SAVED_PARAMETER', 'SAVED_INVALID', ...inStatement, ...ofKey]) }
        }
      },
      ...Object.fromEntries(Object.entries(keyedModels).map(([model, key]) => [`/v1/${model}/{key}`, {
        get: {
          operationId: `get_${model}`,
          tags: ['orders'],
          summary: `One row of analytics.${model}`,
          parameters: [path('key', key)],
          responses: { 200: json('Its columns.', { type: 'object', required: [key], properties: { [key]: { type: 'string' } }, additionalProperties: true }, { 'Firn-Snapshots': header('the snapshot of the table that was read') }), ...refusals(['ROW_UNKNOWN', 'MODEL_NOT_BUILT', 'SQL_CATALOG_AWAY', 'SQL_TABLE_UNREADABLE', 'QUERY_TOO_MANY', 'QUERY_WAITED', ...ofKey]) }
        }
      }])),
      '/v1/models': { get: { operationId: 'getModels', tags: ['models'], summary: 'What each model answers, its columns, rows and age', responses: { 200: json('All models and rules.', reference('Models')), ...refusals(['SQL_CATALOG_AWAY', 'MODEL_INVALID', ...ofKey]) } } }
    },
    components: { schemas, securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'asked for where FIRN_QUERY_KEY_SECRET is set' } } }
  }
}

const text = { type: 'string' }
const texts = { type: 'object', additionalProperties: text }
const texted = (description: string): object => ({ type: 'string', description })
const schemas = {
  Question: { ...querySchema, properties: {
    ...querySchema.properties,
    sql: { ...querySchema.properties.sql, description: 'one statement that reads: SELECT, WITH, VALUES, FROM, SHOW, DESCRIBE, SUMMARIZE, EXPLAIN' },
    as_of: { ...querySchema.properties.as_of, description: 'a snapshot id, a time, or the snapshot id of each table as an answer names them; the tables as they were then' },
    format: { ...querySchema.properties.format, description: 'the form of the answer, before what Accept says; in csv a text that a spreadsheet would calculate has an apostrophe in front, csv-raw has it as it is' },
    id: { ...querySchema.properties.id, description: 'chosen by who asks, so that the statement can be cancelled before its answer begins' }
  } },
  Answer: {
    type: 'object',
    required: ['query_id', 'names', 'types', 'snapshots', 'rows', 'row_count', 'truncated'],
    properties: {
      query_id: text,
      names: { type: 'array', items: text },
      types: { type: 'array', items: text, description: 'as DuckDB calls them' },
      snapshots: { ...texts, description: 'by table; take it as as_of to ask the same again' },
      rows: { type: 'array', items: { type: 'array' } },
      row_count: { type: ['integer', 'null'], description: 'null when it failed on the way' },
      truncated: { type: 'boolean', description: 'rows are missing: a limit was reached, or it failed on the way' },
      error: { ...reference('Error'), description: 'why it failed after the answer had begun' }
    }
  },
  QueryStatus: {
    type: 'object',
    properties: {
      id: text, state: { enum: ['waiting', 'running', 'done', 'failed', 'cancelled'] }, sql: text, asked_at: { type: 'string', format: 'date-time' }, waited_ms: { type: ['integer', 'null'] }, ran_ms: { type: ['integer', 'null'] },
      rows: { type: ['integer', 'null'] }, bytes: { type: 'integer' }, truncated: { type: ['boolean', 'null'] }, snapshots: texts, error: { anyOf: [{ type: 'null' }, { type: 'object', properties: { code: text, message: text } }] }
    }
  },
  SavedQueries: { type: 'object', properties: { queries: { type: 'array', items: { type: 'object', properties: { name: text, question: text, result: text, path: text, parameters: { type: 'array', items: { type: 'object', properties: { name: text, type: text } } } } } } } },
  Models: {
    type: 'object',
    properties: { models: { type: 'array', items: { type: 'object', properties: {
      name: text, table: text, kind: { enum: ['model', 'rule'] }, question: text, owner: text, unit: texted('hour, day, full, or key and a column: what is computed anew at a time'), time: { type: ['string', 'null'] }, key: { type: 'array', items: text }, reads: { type: 'array', items: text },
      columns: { type: 'array', items: { type: 'object', properties: { name: text, type: text, doc: text } } }, rows: { type: ['integer', 'null'] }, snapshot_id: { type: ['string', 'null'] }, changed_at: { type: ['string', 'null'] }, age_seconds: { type: ['integer', 'null'] }, watermark: { type: ['string', 'null'] },
      staleness_seconds: { type: ['integer', 'null'], description: 'how long its sources, or theirs, have had rows that it does not know of; null where that is not known' }, freshness_goal_seconds: { type: 'number', description: 'how long that may be' }
    } } } }
  },
  Error: { type: 'object', required: ['code', 'message', 'requestId'], properties: { code: text, message: text, retryable: { type: 'boolean' }, requestId: text } }
}

function reference (name: string): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` }
}

function path (name: string, description: string): object {
  return { name, in: 'path', required: true, description, schema: text }
}

function query (name: string, schema: object): object {
  return { name, in: 'query', schema }
}

function header (description: string): object {
  return { description, schema: text }
}

function json (description: string, schema: object, headers: object = {}): object {
  return { description, headers, content: { 'application/json': { schema } } }
}

function answerResponse (): object {
  return {
    description: 'The rows. Firn-Rows and Firn-Truncated are trailers where the answer is too large to be held before it is sent.',
    headers: {
      'Firn-Query-Id': header('for GET and DELETE /v1/queries/{id}'),
      'Firn-Snapshots': header('`firn.events=123, analytics.orders=456`: what was read'),
      'Firn-Rows': header('how many rows the answer has'),
      'Firn-Truncated': header('true when rows are missing')
    },
    content: {
      'application/json': { schema: reference('Answer') },
      'text/csv': { schema: text },
      [mediaTypes.arrow]: { schema: { type: 'string', format: 'binary' } }
    }
  }
}

/** The codes by their status, as the registry has them. */
function refusals (codes: readonly Code[]): Record<string, object> {
  const byStatus = Map.groupBy([...new Set(codes)], code => (analyticsErrors[code] as { httpStatus?: number }).httpStatus ?? 500)
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, {
    description: codes.map(code => `\`${code}\`: ${analyticsErrors[code].message}`).join('\n\n'),
    ...status === 429 || status === 503 ? { headers: { 'Retry-After': header('seconds') } } : {},
    content: { 'application/json': { schema: { ...schemas.Error, properties: { ...schemas.Error.properties, code: { enum: codes } } } } }
  }]))
}
