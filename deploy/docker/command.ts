// The commands of an operator in the image, by the names that they have in a checkout: `command.ts verify --drained` is
// `npm run verify -- --drained`. Knows those that need neither npm nor anything that the image leaves out.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { complain } from '../../runtime/index.ts'

export const commands: Readonly<Record<string, string>> = {
  doctor: 'deploy/local/doctor.ts',
  verify: 'loadtest/verify/main.ts',
  generate: 'loadtest/generate/main.ts',
  sql: 'analytics/sql/main.ts',
  models: 'analytics/runner/main.ts',
  export: 'analytics/export/main.ts',
  ingest: 'gateway/ingest/main.ts',
  import: 'gateway/ingest/import.ts',
  daily: 'analytics/jobs/main.ts',
  'daily:topic': 'deploy/jobs/topic.ts',
  'daily:stream': 'deploy/jobs/stream.ts',
  'daily:wait': 'analytics/jobs/wait/main.ts',
  'daily:validate': 'analytics/jobs/validate/main.ts'
}

if (import.meta.main) {
  const [name = '', ...words] = process.argv.slice(2)
  const entry = commands[name]
  if (entry === undefined) {
    complain(`there is no command ${JSON.stringify(name)}: it is one of ${Object.keys(commands).join(', ')}`)
    process.exit(2)
  }
  const file = join(import.meta.dirname, '../..', entry)
  process.argv = [process.execPath, file, ...words]
  await import(pathToFileURL(file).href)
}
