// Settings of whoever runs models: the service, and `npm run models`.

import { Type, type Static, type TObject } from 'typebox'

export const runnerSettings = {
  FIRN_MODELS_MEMORY_MIB_MAX: Type.Integer({ default: 1024, minimum: 64, maximum: 1024 ** 2, description: 'memory that models may use while they are computed before they spill to $FIRN_DATA_DIR/runner' }),
  FIRN_MODELS_SLOW_SECONDS: Type.Integer({ default: 60, minimum: 1, maximum: 86_400, description: 'models of a day, a key or the whole run at most this often; rules, and models of an hour that name their event types, run as snapshots land' })
}

export type RunnerConfig = Readonly<Static<TObject<typeof runnerSettings>>>
