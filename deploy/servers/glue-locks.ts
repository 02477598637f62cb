// A front before moto's Glue that adds what moto lacks and AWS does: UpdateTable with a stale VersionId is refused
// (checked and written under one lock per table), version ids begin at 0, names are lower-cased, and with a key given
// another access key id is refused. Starts moto itself and ends with it: node glue-locks.ts PORT MOTO_PORT [KEY].
// As a test of optimistic locking against moto alone every late writer would win and nothing would be proved.

import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { complain } from '../../runtime/index.ts'

const [port = '', motoPort = '', onlyKey] = process.argv.slice(2)
const motoUrl = `http://127.0.0.1:${motoPort}/`
const locks = new Map<string, Promise<unknown>>()

interface Answer { readonly status: number, readonly body: string, readonly errorType: string | null }
type Json = Record<string, unknown>

const moto = spawn('python3', ['-c', 'import sys; from moto.server import main; sys.exit(main())', '-H', '127.0.0.1', '-p', motoPort], { stdio: 'inherit' })
moto.once('error', error => { complain(`moto: ${error.message}`); process.exit(1) })
moto.once('exit', code => { process.exit(code ?? 1) })
process.once('exit', () => moto.kill('SIGKILL'))
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(0))

createServer((request, response) => {
  answer(request).catch((error: Error): Answer => ({ status: 500, body: JSON.stringify({ __type: 'InternalServiceException', Message: error.message }), errorType: 'InternalServiceException' }))
    .then(one => { send(response, one) }, () => {})
}).listen(Number(port), '127.0.0.1')

async function answer (request: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const authorization = String(request.headers.authorization ?? '')
  if (onlyKey !== undefined && !authorization.includes(`Credential=${onlyKey}/`)) return refuse('UnrecognizedClientException', 'The security token included in the request is invalid.')
  const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? ''
  const body = lowerNames(JSON.parse(Buffer.concat(chunks).toString() || '{}') as Json)
  const ask = async (name: string, what: Json): Promise<Answer> => await askMoto(authorization, name, what)
  if (operation !== 'UpdateTable') return await ask(operation, body)

  const name = (body.TableInput as Json | undefined)?.Name
  return await alone(`${String(body.DatabaseName)}.${String(name)}`, async () => {
    if (body.VersionId !== undefined) {
      const now = await ask('GetTable', { DatabaseName: body.DatabaseName, Name: name })
      const version = (JSON.parse(now.body) as { Table?: Json }).Table?.VersionId
      if (now.status === 200 && version !== String(body.VersionId)) return refuse('ConcurrentModificationException', 'Update table failed due to concurrent modifications.')
    }
    return await ask('UpdateTable', body)
  })
}

/** One after another for each key, whatever the one before came to. */
async function alone<T> (key: string, work: () => Promise<T>): Promise<T> {
  const before = locks.get(key) ?? Promise.resolve()
  const mine = before.then(work, work)
  locks.set(key, mine.catch(() => {}))
  return await mine
}

async function askMoto (authorization: string, operation: string, body: Json): Promise<Answer> {
  const headers = { authorization, 'x-amz-target': `AWSGlue.${operation}`, 'content-type': 'application/x-amz-json-1.1' }
  const reply = await fetch(motoUrl, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: reply.status, body: fromOneToZero(await reply.text()), errorType: reply.headers.get('x-amzn-errortype') }
}

/** moto counts versions from 1, Glue from 0. */
function fromOneToZero (text: string): string {
  return text.replace(/"VersionId": ?"(\d+)"/g, (_, version: string) => `"VersionId": "${Number(version) - 1}"`)
}

function lowerNames (body: Json): Json {
  const lower = (value: unknown): unknown => typeof value === 'string' ? value.toLowerCase() : value
  const named = (value: unknown): unknown => value !== null && typeof value === 'object' && 'Name' in value ? { ...value, Name: lower(value.Name) } : value
  const out: Json = { ...body }
  for (const key of ['DatabaseName', 'TableName', 'Name']) if (key in out) out[key] = lower(out[key])
  for (const key of ['TableInput', 'DatabaseInput']) if (key in out) out[key] = named(out[key])
  return out
}

function refuse (type: string, message: string): Answer {
  return { status: 400, body: JSON.stringify({ __type: type, Message: message }), errorType: type }
}

function send (response: ServerResponse, { status, body, errorType }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...errorType === null ? {} : { 'x-amzn-errortype': errorType } })
  response.end(body)
}
