// `npm run relocate`: lets a data folder that was moved or copied belong where it lies now. The line must not run on it.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Type } from 'typebox'
import { openStorageFrom, relocateFolder, storageSettings } from '../../catalog/index.ts'
import { complain, judgeDataFolder, markFile, readConfig, readMark, sentenceOf, show, writeMark } from '../../runtime/index.ts'
import { takeLine } from './line-lock.ts'

const settings = Type.Object({
  ...storageSettings,
  FIRN_DATA_DIR: Type.String({ default: './data', minLength: 1, description: 'the data folder, where it lies now' }),
  from: Type.Optional(Type.String({ minLength: 1, description: 'where the folder was, if it does not say so itself' }))
})

try {
  await relocate()
} catch (error) {
  complain(`relocate: ${sentenceOf(error)}`)
  process.exitCode = 1
}

async function relocate (): Promise<void> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in settings.properties))
  const config = readConfig('relocate', settings, { env })
  const dataDir = resolve(config.FIRN_DATA_DIR)
  if (!existsSync(dataDir)) throw new Error(`there is no folder ${dataDir}: name it with --data-dir`)
  takeLine(dataDir)
  const say = (sentence: string): void => { show(sentence) }
  const judged = judgeDataFolder(dataDir)
  const mark = readMark(dataDir)
  const { storage } = openStorageFrom(config, { dataDir, say })
  const from = config.from !== undefined ? [resolve(config.from)] : mark === null ? null : [...new Set([mark.path, mark.named])].filter(path => path !== dataDir)
  const { moved, stayed } = await relocateFolder({ dataDir, from, isCopy: judged.kind === 'copied', storage, say })
  writeMark(dataDir, { replace: existsSync(join(dataDir, markFile)) })
  say(moved === 0 && judged.kind === 'own'
    ? `${dataDir} belongs where it lies already: nothing to do`
    : `${dataDir} belongs where it lies now: ${moved} tables and views were rewritten to it${stayed === 0 ? '' : `, ${stayed} lie where they were`}. Start it with: npm start -- --data-dir ${dataDir}`)
}
