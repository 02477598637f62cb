// The runner's front door.
export { openRunner, type CycleOptions, type ModelRun, type Runner, type RunnerOptions } from './runner.ts'
