// The runner's front door.
export { readStatus, type ModelStatus } from './model-status.ts'
export { openRunner, type CycleOptions, type ModelRun, type Runner, type RunnerOptions } from './runner.ts'
export { runnerSettings, type RunnerConfig } from './settings.ts'
