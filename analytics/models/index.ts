// The models' front door.

export { readModels } from './catalogue.ts'
export { freshnessGoals } from './freshness.ts'
export { loadReferences } from '../reference/load.ts'
export { readReferences, refusedEvents, type Reference } from '../reference/declaration.ts'
export type { Model, SourceRead } from './model-file.ts'
