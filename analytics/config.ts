// The settings of the analytics service: models and rules as snapshots land, alerts, and questions over HTTP.

import { Type } from 'typebox'
import { lakeSettings } from '../catalog/index.ts'
import { alertSettings } from './alerts/config.ts'
import { querySettings } from './query/open.ts'
import { runnerSettings } from './runner/settings.ts'
import { queryServiceSettings } from './service/config.ts'
import { dataDirSetting } from '../runtime/index.ts'

export const analyticsSettings = Type.Object({
  ...lakeSettings,
  ...querySettings,
  ...alertSettings,
  ...queryServiceSettings,
  ...runnerSettings,
  FIRN_DATA_DIR: dataDirSetting,
  FIRN_MODELS_LOOK_MS: Type.Integer({ default: 1000, minimum: 50, maximum: 3_600_000, description: 'how often the models look whether a snapshot has landed; half as often after a minute without one' })
})
