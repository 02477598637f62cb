import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { boundAlert, type Alert } from './alert.ts'
import { fraudAlert } from './mail-server.fixture.ts'
import { queriesOf, renderMessage, sqlText } from './message-text.ts'

const at = new Date('2026-03-10T12:00:00Z')
const hostile = boundAlert(fraudAlert('x', 5, { id: 'fraud-x\r\nBcc: all@shop.example', title: 'Order <img src=x onerror=alert(1)>\r\nBcc: all@shop.example\u202e', evidence: ['</li><script>alert("1")</script>', 'a & b\nSubject: other', '{{title}}'], at }))

t.test('every template renders, with nothing left open', async t => {
  const alert = fraudAlert('o-1', 5, { at })
  for (const [kind, alerts] of [['alert', [alert]], ['update', [alert]], ['digest', [alert, fraudAlert('o-2', 3, { at })]]] as const) {
    const { subject, text, html } = renderMessage(kind, alerts)
    t.match(subject, /^\[firn\] /)
    for (const rendered of [text, html]) {
      t.notMatch(rendered, /\{\{|undefined|NaN/, kind)
      t.match(rendered, /Order o-1: 6,120.00 USD/)
    }
    t.match(html, /^<!doctype html>[\s\S]*<\/html>\n$/)
  }
  t.strictSame(readdirSync(join(import.meta.dirname, 'templates')).filter(name => !/^(alert|update|digest|digest-row)\.(txt|html)$/.test(name)), [], 'a new template is rendered here as well')
})

t.test('a single alert says why, how bad, when, and how to look at it in both engines', async t => {
  const { subject, text } = renderMessage('alert', [fraudAlert('o-1', 5, { at })])
  t.equal(subject, '[firn] Order o-1: 6,120.00 USD (score 5)')
  t.match(text, '- 4 cards in session s-1')
  t.match(text, '2026-03-10 12:00:00 UTC')
  t.match(text, `npm run sql -- --as-of 42 "select * from firn.events e where e.order_id = 'o-1'"`)
  t.match(text, "select * from lake.firn.events for version as of 42 e where e.order_id = 'o-1'")
})

t.test('what comes from an event stays data: no markup, no header, no hole', async t => {
  for (const [kind, alerts] of [['alert', [hostile]], ['update', [hostile]], ['digest', [hostile, hostile]]] as const) {
    const { subject, text, html } = renderMessage(kind, alerts)
    t.notMatch(subject, /[\r\n\u202e]/)
    t.notMatch(html, /<script|<img|onerror=alert\(1\)>/)
    t.notMatch(text, /^(Bcc|Subject):/m)
    t.match(html, '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;')
    t.match(html, '{{title}}', 'braces in a value are no hole')
  }
})

t.test('a query that is pasted into a shell does what it says and nothing else', async t => {
  const firn = (orderId: string): string => queriesOf({ sql: `select 1 from {table} e where e.order_id = ${sqlText(orderId)}`, table: 'firn.events', snapshotId: 7n }).firn
  t.equal(firn('o-1'), `npm run sql -- --as-of 7 "select 1 from firn.events e where e.order_id = 'o-1'"`)
  t.equal(firn('$(rm -rf ~)'), String.raw`npm run sql -- --as-of 7 'select 1 from firn.events e where e.order_id = '\''$(rm -rf ~)'\'''`)
  t.equal(firn("o'; drop"), `npm run sql -- --as-of 7 "select 1 from firn.events e where e.order_id = 'o''; drop'"`)
  t.equal(firn('a\nb'), `npm run sql -- --as-of 7 "select 1 from firn.events e where e.order_id = 'a' || chr(10) || 'b'"`)
  t.equal(firn('{table} $& $1'), String.raw`npm run sql -- --as-of 7 'select 1 from firn.events e where e.order_id = '\''{table} $& $1'\'''`)
  t.equal(sqlText(''), "''")
})

t.test('a digest lists the worst first and stays readable when there are thousands', async t => {
  const many = Array.from({ length: 5000 }, (_, i): Alert => fraudAlert(`o-${i}`, i === 4000 ? 9 : 3, { at: new Date(at.getTime() + i) }))
  const { subject, text, html } = renderMessage('digest', many)
  t.match(subject, '[firn] 5,000 alerts: Order o-4000')
  t.match(text, /score {2}happened {2}what\n\n +9 {2}/)
  t.match(text, 'and 4,900 more')
  t.ok(html.length < 200_000, `${html.length} bytes`)
})

t.test('everything that an alert holds is bounded', async t => {
  const alert = boundAlert(fraudAlert('x', 5, { id: 'i'.repeat(5000), title: '💶'.repeat(500), evidence: Array.from({ length: 500 }, () => 'e'.repeat(5000)) }))
  t.ok(alert.id.length <= 300 && alert.title.length <= 200 && alert.evidence.length === 51 && alert.evidence.every(line => line.length <= 500))
  t.ok(alert.title.isWellFormed())
  t.equal(alert.evidence.at(-1), 'and 450 more')
  t.not(boundAlert(fraudAlert('x', 5, { id: `${'i'.repeat(5000)}2` })).id, alert.id)
})
