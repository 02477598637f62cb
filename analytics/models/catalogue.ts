// All models and rules there are: every .sql file of analytics/models, analytics/fraud/rules and analytics/fraud, in the order
// in which they can be computed (what is read comes first; rules before models where nothing else decides). Refuses two
// files of one name, a table that nobody makes, and a circle.

import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fail } from '../errors.ts'
import { alertsName, checkRule, withRules } from '../fraud/alerts-text.ts'
import { freshnessGoals } from './freshness.ts'
import { refusedEvents } from '../reference/declaration.ts'
import { parseModel, type Model } from './model-file.ts'

export interface ModelFolders {
  readonly models: readonly string[]
  readonly rules: readonly string[]
  /** Of .csv files; regions.csv is analytics.ref_regions. */
  readonly reference: string
}

const analytics = resolve(import.meta.dirname, '..')
export const modelFolders: ModelFolders = { models: [join(analytics, 'models')], rules: [join(analytics, 'fraud/rules'), join(analytics, 'fraud')], reference: join(analytics, 'reference') }
const eventTables = ['firn.events', 'firn.dead_letters', refusedEvents.table]

/** Throws MODEL_INVALID, MODEL_CYCLE. */
export async function readModels (folders: Partial<ModelFolders> = {}): Promise<Model[]> {
  const { reference } = { ...modelFolders, ...folders }
  const found = await readModelFiles(folders)
  const references = (await filesOf(reference, '.csv')).map(name => `analytics.ref_${name}`)
  return orderModels(found, [...eventTables, ...references])
}

/** Each file by itself, or those of these names: not checked against one another. */
export async function readModelFiles (folders: Partial<ModelFolders> = {}, only: (name: string) => boolean = () => true): Promise<Model[]> {
  const { models, rules } = { ...modelFolders, ...folders }
  const found: Model[] = []
  for (const [kind, folder] of [...rules.map(folder => ['rule', folder] as const), ...models.map(folder => ['model', folder] as const)]) {
    for (const name of (await filesOf(folder, '.sql')).filter(only)) {
      const text = await readFile(join(folder, name + '.sql'), 'utf8')
      const model = parseModel(name, name === alertsName ? withRules(text, await rulesIn(rules)) : text, kind)
      if (kind === 'rule' && name !== alertsName) checkRule(model)
      found.push(model)
    }
  }
  return found
}

/** The rules that fraud_alerts adds up. */
async function rulesIn (folders: readonly string[]): Promise<string[]> {
  return (await Promise.all(folders.map(folder => filesOf(folder, '.sql')))).flat().filter(name => name !== alertsName)
}

/** Each model behind those that it reads. `tables`: what can be read and is no model. */
export function orderModels (models: readonly Model[], tables: readonly string[]): Model[] {
  const byTable = new Map(models.map(model => [tableOf(model), model]))
  for (const model of models) {
    if (byTable.get(tableOf(model)) !== model) throw fail('MODEL_INVALID', { model: model.name, reason: 'there are two files of this name' })
    if (tables.includes(tableOf(model))) throw fail('MODEL_INVALID', { model: model.name, reason: 'a reference table has this name' })
    for (const { table } of model.reads) {
      if (!byTable.has(table) && !tables.includes(table)) throw fail('MODEL_INVALID', { model: model.name, reason: `it reads ${table}, which nobody makes: there are ${[...tables, ...byTable.keys()].sort().join(', ')}` })
    }
  }
  const ordered: Model[] = []
  const visit = (model: Model, above: readonly string[]): void => {
    if (ordered.includes(model)) return
    if (above.includes(model.name)) throw fail('MODEL_CYCLE', { cycle: [...above.slice(above.indexOf(model.name)), model.name].join(' → ') })
    for (const { table } of model.reads) if (byTable.has(table)) visit(byTable.get(table)!, [...above, model.name])
    ordered.push(model)
  }
  for (const model of models) visit(model, [])
  freshnessGoals(ordered)
  return ordered
}

/** The table that a model is kept in. */
export function tableOf ({ name }: Pick<Model, 'name'>): string {
  return `analytics.${name}`
}

/** Names without the ending, sorted. A folder that is not there has none. */
async function filesOf (folder: string, ending: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return []; throw error })
  return names.filter(name => name.endsWith(ending)).map(name => name.slice(0, -ending.length)).sort()
}
