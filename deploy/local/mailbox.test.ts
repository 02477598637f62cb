import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import t from 'tap'
import { startMailbox } from './mailbox.ts'

t.test('each mail is a file and a line', async t => {
  const dir = join(mkdtempSync(join(tmpdir(), 'firn-mailbox-')), 'mailbox')
  const lines: string[] = []
  const mailbox = await startMailbox({ port: 0, dir, say: line => { lines.push(line) } })
  t.teardown(() => mailbox.close())
  const transport = createTransport({ url: mailbox.url.replace('smtp://', 'smtp://anybody:anything@'), socketCloseTimeout: 0 })
  for (const subject of ['[firn] Bestellung über 6.120 €', 'plain']) await transport.sendMail({ from: 'a@shop.example', to: 'desk@shop.example', subject, text: 'why' })
  t.equal(mailbox.count(), 2)
  t.match(lines[0], 'mail for desk@shop.example: [firn] Bestellung über 6.120 €  (')
  const files = readdirSync(dir)
  t.equal(files.length, 2)
  t.match(readFileSync(join(dir, files[1]!), 'utf8'), /^Subject: plain\r$/m)
})
