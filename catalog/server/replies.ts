/** How results go out: table and view replies from text that is printed already, ETags, pages. */
import { createHash } from 'node:crypto'
import { printJson } from '../spec/json.ts'
import type { TableMetadata } from '../spec/types.ts'
import { RestError } from './errors.ts'
import type { StoredTable, StoredView } from './metadata-files.ts'

export type SnapshotMode = 'all' | 'refs'
const pageSizeMax = 10_000
const loadedEnd = Buffer.from(',"config":{}}')

/** `LoadTableResult`. A staged table has no location yet. */
export function printTable(table: { location: string | null, metadata: TableMetadata, json: Buffer }, mode: SnapshotMode = 'all'): Buffer {
  return printLoaded(table.location, mode === 'all' ? table.json : Buffer.from(printJson(withReferencedSnapshots(table.metadata))))
}

export function printView(view: StoredView): Buffer {
  return printLoaded(view.location, view.json)
}

/** Differs for each state of a table and for each choice of snapshots. */
export function etagOf(table: StoredTable, mode: SnapshotMode = 'all'): string {
  return `"${createHash('sha256').update(`${mode} ${table.location}`).digest('hex').slice(0, 32)}"`
}

/** `If-None-Match: "a", W/"b"` or `*` */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some(item => item.trim() === '*' || item.trim().replace(/^W\//, '').replaceAll('"', '') === etag.replaceAll('"', ''))
}

/**
 * One page of names in order. Without `pageSize` everything is on it. The token is the last name of the page before, so that a page is right
 * even when names came and went in between.
 */
export function readPage(query: Record<string, unknown>): { after: string, count: number } {
  const size = query['pageSize']
  if (size === undefined) return { after: decodeToken(query['pageToken']), count: -1 }
  const count = Number(size)
  if (!Number.isInteger(count) || count < 1) throw new RestError('BadRequestException', `Invalid pageSize ${String(size)}: it must be a whole number of at least 1`)
  return { after: decodeToken(query['pageToken']), count: Math.min(count, pageSizeMax) }
}

export function encodeToken(name: string): string {
  return Buffer.from(name).toString('base64url')
}

function decodeToken(token: unknown): string {
  if (token === undefined || token === '') return ''
  const name = Buffer.from(String(token), 'base64url').toString('utf8')
  if (encodeToken(name) !== token) throw new RestError('BadRequestException', `Invalid pageToken ${String(token)}: send the one of the page before`)
  return name
}

function printLoaded(location: string | null, json: Buffer): Buffer {
  const head = `{${location === null ? '' : `"metadata-location":${JSON.stringify(location)},`}"metadata":`
  return Buffer.concat([Buffer.from(head), json, loadedEnd])
}

function withReferencedSnapshots(metadata: TableMetadata): TableMetadata {
  const referenced = new Set(Object.values(metadata.refs).map(ref => ref['snapshot-id']))
  return { ...metadata, snapshots: metadata.snapshots.filter(snapshot => referenced.has(snapshot['snapshot-id'])) }
}
