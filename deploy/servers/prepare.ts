// `node deploy/servers/prepare.ts NAME…`: fetches and builds servers into the cache without starting any, for an image
// or a machine that will be without a network.

import { complain, sentenceOf } from '../../runtime/index.ts'
import { prepareServers, type ServerName } from './index.ts'

try {
  await prepareServers(process.argv.slice(2) as ServerName[])
} catch (error) {
  complain(`firn: ${sentenceOf(error)}`)
  process.exitCode = 1
}
