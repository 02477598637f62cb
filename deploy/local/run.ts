// Starts one of our own commands for start.mjs: refuses a FIRN_ variable that nothing in the product knows, points
// the commands at this machine's line when its ports were changed, then hands over to the command's own main.ts.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { complain, endWithReader, readConfig, sentenceOf, settingsOf } from '../../runtime/index.ts'
import { catalogUrlOf, settingsOfTheLine } from './services.ts'
import { commandSettings } from './commands.ts'

const [entry = '', ...args] = process.argv.slice(2)

try {
  const known = settingsOfTheLine()
  const fromCommands = Object.fromEntries(Object.entries(process.env).filter(([name]) => !commandSettings.includes(name)))
  const config = readConfig('firn', known, { env: fromCommands, argv: [] }) as Record<string, unknown>
  if (process.env.FIRN_CATALOG_URL === undefined && 'FIRN_CATALOG_URL' in settingsOf(known)) process.env.FIRN_CATALOG_URL = catalogUrlOf(config).url
} catch (error) {
  complain(`firn: ${sentenceOf(error)}`)
  process.exit(2)
}
// The line has services to end first.
if (join(entry) !== join(import.meta.dirname, 'main.ts')) endWithReader()
process.argv = [process.execPath, entry, ...args]
await import(pathToFileURL(join(entry)).href)
