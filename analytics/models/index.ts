// The models' front door.

export { readModels } from './catalogue.ts'
export { loadReferences } from '../reference/load.ts'
