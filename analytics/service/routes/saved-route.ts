// GET /v1/saved: the questions that somebody wrote down; GET /v1/saved/{name}?day=…: one of them, asked now. The files are read
// when they are asked for, so that a new one needs no restart.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { fail } from '../../errors.ts'
import { chooseFormat } from '../formats/format.ts'
import type { Queries } from '../queries.ts'
import { literalOf } from '../saved/parameter.ts'
import { fillSaved, parseSaved, type SavedQuery } from '../saved/saved-file.ts'
import { answer } from './answer.ts'

export const savedFolder = join(import.meta.dirname, '../../queries')

export function routeSaved (app: FastifyInstance, queries: Queries, folder = savedFolder): void {
  app.get('/v1/saved', async () => {
    const saved = await Promise.all((await namesIn(folder)).map(async name => await readSaved(folder, name)))
    return { queries: saved.map(({ name, question, result, parameters }) => ({ name, question, result, parameters, path: `/v1/saved/${name}` })) }
  })
  app.get<{ Params: { name: string }, Querystring: Record<string, unknown> }>('/v1/saved/:name', async (request, reply) => {
    const { name } = request.params
    const known = await namesIn(folder)
    if (!known.includes(name)) throw fail('SAVED_UNKNOWN', { query: name.slice(0, 64), known: known.join(', ') || 'none' })
    const saved = await readSaved(folder, name)
    const { format, as_of: asOf, id, ...values } = request.query
    for (const [other, value] of Object.entries({ format, as_of: asOf, id })) {
      if (value !== undefined && typeof value !== 'string') throw fail('SAVED_PARAMETER', { query: name, reason: `${other} is given twice` })
    }
    if (id !== undefined && !/^[A-Za-z0-9_-]{8,64}$/.test(String(id))) throw fail('SAVED_PARAMETER', { query: name, reason: 'id is 8 to 64 letters, digits, _ and -' })
    const unknown = Object.keys(values).find(value => !saved.parameters.some(parameter => parameter.name === value))
    if (unknown !== undefined) throw fail('SAVED_PARAMETER', { query: name, reason: `there is no parameter ${unknown.slice(0, 64)}: it takes ${saved.parameters.map(({ name, type }) => `${name} (${type})`).join(', ') || 'none'}` })
    const sql = fillSaved(saved, new Map(saved.parameters.map(parameter => [parameter.name, literalOf(name, parameter, values[parameter.name])])))
    return await answer(queries, { id: id as string | undefined, sql, asOf: asOf as string | undefined, format: chooseFormat(format as string | undefined, request.headers.accept) }, reply)
  })
}

async function readSaved (folder: string, name: string): Promise<SavedQuery> {
  return parseSaved(name, await readFile(join(folder, `${name}.sql`), 'utf8'))
}

async function namesIn (folder: string): Promise<string[]> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return []; throw error })
  return files.filter(file => file.endsWith('.sql')).map(file => file.slice(0, -4)).sort()
}
