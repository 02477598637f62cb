// The process that dies in `npm run test:alerts`: offers the alerts of a list that grows (a stand-in for fraud_alerts) and
// sends them by mail, as the analytics service does. After a restart it offers the whole list again, as a comparison of the
// table with the ledger would. Arguments: data folder, mail URL, list file. Ends when it is told `end` and all is sent.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openAlerts } from '../../analytics/alerts/index.ts'

const lookMs = 20
const drainMsMax = 60_000

const [dataDir, mailUrl, listFile] = process.argv.slice(2) as [string, string, string]
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const alerts = await openAlerts({
  config: {
    FIRN_MAIL_URL: mailUrl, FIRN_MAIL_FROM: 'firn <alerts@shop.example>', FIRN_ALERT_TO: ['fraud-desk@shop.example'],
    FIRN_ALERT_DIGEST_MINUTE_MAX: 1_000_000, FIRN_ALERT_DIGEST_SECONDS: 60, FIRN_ALERT_UPDATE_SECONDS: 0, FIRN_ALERT_BACKLOG_HOURS: 24,
    FIRN_ALERT_RETRY_MINUTES_MAX: 60, FIRN_ALERT_QUEUE_MAX: 100_000, FIRN_ALERT_LEDGER_MAX: 100_000
  },
  dataDir, say: () => {}, logger: quiet, retryMs: { first: 20, max: 500 }
})
let isEnding = false
process.on('message', message => { if (message === 'end') isEnding = true })
process.on('disconnect', () => process.exit(1))
process.send?.('ready')

for (let offered = 0; ;) {
  const last = isEnding
  // A last line without its end is being written.
  const orders = readFileSync(listFile, 'utf8').split('\n').slice(0, -1)
  await alerts.offer(orders.slice(offered).map(orderId => ({
    id: `fraud-${orderId}`, kind: 'fraud', severity: 'high', score: 5, title: `Order ${orderId}`, evidence: ['over 5,000'], at: new Date(),
    query: { sql: `select * from {table} e where e.order_id = '${orderId}'`, table: 'firn.events', snapshotId: 1n }
  })))
  offered = orders.length
  if (last) break
  await sleep(lookMs)
}
const isDrained = await alerts.drained(drainMsMax)
await alerts.close()
process.exit(isDrained ? 0 : 1)
