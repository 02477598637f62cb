// The services of the line on one machine: what runs, with which settings, in which order it starts and ends.
// Each process is given its own settings and nobody else's, so a service can be strict about what it does not know.

import { join } from 'node:path'
import { Type, type TObject, type TSchema } from 'typebox'
import type { SupervisedService } from '../../runtime/index.ts'
import { analyticsSettings } from '../../analytics/config.ts'
import { catalogServerSettings } from '../../catalog/server/config.ts'
import { gatewaySettings } from '../../gateway/config.ts'
import { writerSettings } from '../../writer/config.ts'

/** Decisions of an operator, for the writer that is started with them and none after. */
const decisions = ['FIRN_WRITER_RESUME_FROM', 'FIRN_WRITER_START_ANEW']

const projectDir = join(import.meta.dirname, '../..')

interface LocalService {
  readonly entry: string
  readonly settings: TObject
  readonly closeMsMax: number
}

/** In the order in which they start: the catalog first, since the writer opens its tables there; the gateway last, since it asks the writer whether the log is the right one, which the writer finds out meanwhile. Together their close takes at most 9.5 s. */
export const localServices: Readonly<Record<'catalog' | 'gateway' | 'writer' | 'analytics', LocalService>> = {
  catalog: { entry: 'catalog/server/main.ts', settings: catalogServerSettings, closeMsMax: 800 },
  writer: { entry: 'writer/main.ts', settings: writerSettings, closeMsMax: 2700 },
  analytics: { entry: 'analytics/main.ts', settings: analyticsSettings, closeMsMax: 800 },
  gateway: { entry: 'gateway/main.ts', settings: gatewaySettings, closeMsMax: 5200 }
}

/** The gateway first, so that nothing new comes in; the catalog last, so that the writer's last commit can land. */
export const closeOrder = ['gateway', 'writer', 'analytics', 'catalog']

/** Every FIRN_ setting of every service, once. Where two services share one, it is the same setting. */
export function settingsOfTheLine (): TObject {
  const all: Record<string, TSchema> = {}
  for (const { settings } of Object.values(localServices)) {
    for (const [name, schema] of Object.entries(settings.properties as Record<string, TSchema>)) {
      if (name.startsWith('FIRN_')) all[name] ??= optionalAs(settings, name, schema)
    }
  }
  return Type.Object(all)
}

/** The services as the supervisor wants them, each with its part of the settings. */
export function describeServices (config: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): SupervisedService[] {
  const ground = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('FIRN_')))
  const own = catalogUrlOf(config)
  const writerUrl = config.FIRN_GATEWAY_WRITER_URL ?? `http://${hostToReach(config.FIRN_WRITER_HOST)}:${String(config.FIRN_WRITER_PORT)}`
  return Object.entries(localServices)
    .filter(([name]) => name !== 'catalog' || own.embedded)
    .map(([name, { entry, settings, closeMsMax }]) => ({
      name,
      entry: join(projectDir, entry),
      env: { ...ground, ...ownSettings(settings, { ...config, FIRN_CATALOG_URL: own.url, FIRN_GATEWAY_WRITER_URL: writerUrl }) },
      envOnce: decisions,
      closeMsMax
    }))
}

/** The catalog that the line uses: the embedded one, unless FIRN_CATALOG_URL names another. */
export function catalogUrlOf (config: Readonly<Record<string, unknown>>): { url: string, embedded: boolean } {
  const embeddedUrl = `http://${hostToReach(config.FIRN_CATALOG_HOST)}:${String(config.FIRN_CATALOG_PORT)}`
  const usual = (settingsOfTheLine().properties as Record<string, { default?: unknown }>).FIRN_CATALOG_URL?.default
  const wanted = config.FIRN_CATALOG_URL
  const embedded = wanted === undefined || wanted === usual || wanted === embeddedUrl
  return { url: embedded ? embeddedUrl : String(wanted), embedded }
}

/** A service that listens on every address is reached on this machine by the loopback one. */
export function hostToReach (host: unknown): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : String(host)
}

function ownSettings (settings: TObject, config: Readonly<Record<string, unknown>>): Record<string, string> {
  const own: Record<string, string> = {}
  for (const name of [...Object.keys(settings.properties), 'FIRN_LOG_LEVEL']) {
    const value = config[name]
    if (name.startsWith('FIRN_') && value !== undefined && value !== null) own[name] = Array.isArray(value) ? value.join(',') : String(value)
  }
  return own
}

function optionalAs (settings: TObject, name: string, schema: TSchema): TSchema {
  return ((settings as { required?: string[] }).required ?? []).includes(name) ? schema : Type.Optional(schema)
}
