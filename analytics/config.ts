// The settings of the analytics service: models and rules as snapshots land, alerts, and questions over HTTP.

import { Type, type Static } from 'typebox'
import { lakeSettings } from '../catalog/index.ts'
import { alertSettings } from './alerts/config.ts'
import { querySettings } from './query/open.ts'
import { queryServiceSettings } from './service/config.ts'

export const analyticsSettings = Type.Object({
  ...lakeSettings,
  ...querySettings,
  ...alertSettings,
  ...queryServiceSettings,
  FIRN_DATA_DIR: Type.String({ default: './data', description: 'the folder under which everything that lasts is kept on one machine' }),
  FIRN_MODELS_LOOK_MS: Type.Integer({ default: 1000, minimum: 50, maximum: 3_600_000, description: 'how often the models look whether a snapshot has landed' }),
  FIRN_MODELS_SLOW_SECONDS: Type.Integer({ default: 60, minimum: 1, maximum: 86_400, description: 'models of a day, a key or the whole run at most this often; rules, and models of an hour that name their event types, run as snapshots land' }),
  FIRN_MODELS_MEMORY_MIB_MAX: Type.Integer({ default: 1024, minimum: 64, maximum: 1024 ** 2, description: 'memory that the models\' DuckDB may use before it spills to a folder under FIRN_DATA_DIR' })
})

export type AnalyticsConfig = Readonly<Static<typeof analyticsSettings>>
