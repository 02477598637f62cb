/**
 * The objects of the Iceberg view specification, v1, in its own spelling.
 */
import type { Schema } from './types.ts'

/** Only `sql` is defined so far; others are kept as they came. */
export interface ViewRepresentation { 'type': string, 'sql'?: string, 'dialect'?: string }

export interface ViewVersion {
  'version-id': number
  'schema-id': number
  'timestamp-ms': number
  'summary': Record<string, string>
  'representations': ViewRepresentation[]
  'default-catalog'?: string
  'default-namespace': string[]
}

export interface ViewMetadata {
  'view-uuid': string
  'format-version': number
  'location': string
  'schemas': Schema[]
  'current-version-id': number
  'versions': ViewVersion[]
  'version-log': { 'timestamp-ms': number, 'version-id': number }[]
  'properties': Record<string, string>
}

export interface ViewRequirement { 'type': 'assert-view-uuid', 'uuid': string }

export type ViewUpdate =
  | { 'action': 'assign-uuid', 'uuid': string }
  | { 'action': 'upgrade-format-version', 'format-version': number }
  | { 'action': 'add-schema', 'schema': Schema }
  | { 'action': 'set-location', 'location': string }
  | { 'action': 'set-properties', 'updates': Record<string, string> }
  | { 'action': 'remove-properties', 'removals': string[] }
  | { 'action': 'add-view-version', 'view-version': ViewVersion }
  | { 'action': 'set-current-view-version', 'view-version-id': number }
