// Tokens of the catalog that run out while the writer works: those that it fetches by itself are renewed and nobody hears
// of it; one that was given to it in a setting cannot be, so it says so, keeps its batch in the log, and waits.

import { setTimeout as sleep } from 'node:timers/promises'
import { catalogErrors } from '../../catalog/errors.ts'
import type { Tally } from '../tally.ts'
import { countRows, guardedLake, oauthClient, oauthSettings, tokenSeconds, type Ground } from './ground.ts'
import { judgeSaid, patternOf } from './sentences.ts'
import { watchService, type Watched } from './watched.ts'

const lives = 3
const records = 20
const rowsMsMax = 60_000
const refused = patternOf(catalogErrors, ['CATALOG_UNAUTHORIZED'])

export async function judgeExpiringTokens (name: string, ground: Ground, tally: Tally): Promise<void> {
  const dataDir = `${ground.dir}/${name.replaceAll(/[^a-z0-9]+/gi, '-')}`
  const isRenewed = name.endsWith('renewed')
  const lake = await guardedLake(ground)
  const renewing = { ...lake.settings, ...oauthSettings }
  const writer = await watchService({ program: 'writer', dataDir, settings: isRenewed ? renewing : { ...lake.settings, FIRN_CATALOG_TOKEN: await fetchToken(lake.restUrl) } })
  let sent = 0
  const rowsLand = async (by: Watched): Promise<void> => {
    let found = 0
    await by.until(async () => { found = await countRows(renewing, dataDir); return found >= sent || by.givenUp !== null }, rowsMsMax)
    tally.check(`${name}: nothing is lost over ${lives} lives of a token`, found === sent, `${found} of ${sent} records are rows`)
  }
  try {
    for (let life = 0; life < lives; life++) {
      sent = await lake.fill(records, `${name}-${life}`)
      await sleep(tokenSeconds * 1000)
    }
    const { times, others, noise } = judgeSaid(writer.said(), refused)
    if (isRenewed) {
      await rowsLand(writer)
      tally.check(`${name}: nobody hears of it`, times + others.length + noise.length === 0 && writer.restarts === 0, [...others, ...noise, `${times} refusals, ${writer.restarts} restarts`].join('; '))
      return
    }
    tally.check(`${name}: one sentence says why (CATALOG_UNAUTHORIZED)`, times > 0 && others.length + noise.length === 0, [...others, ...noise, writer.said().find(({ text }) => refused.test(text))?.text ?? 'it was not said'].join('; '))
    tally.check(`${name}: it waits without ending`, writer.givenUp === null && writer.restarts === 0, `${writer.restarts} restarts${writer.givenUp === null ? '' : `, given up: ${writer.givenUp}`}`)
  } finally {
    await writer.close()
  }
  const again = await watchService({ program: 'writer', dataDir: `${dataDir}-again`, settings: { ...renewing, FIRN_DATA_DIR: dataDir } })
  try {
    await rowsLand(again)
  } finally {
    await again.close()
  }
}

async function fetchToken (url: string): Promise<string> {
  const answer = await fetch(`${url}/v1/oauth/tokens`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: oauthClient.id, client_secret: oauthClient.secret, scope: 'catalog' }) })
  return (await answer.json() as { access_token: string }).access_token
}
