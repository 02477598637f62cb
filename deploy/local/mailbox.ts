// A mail server on loopback for the demo and for trying alerts: takes every mail, keeps each as an .eml file that any mail
// program opens, and says one line about it. It delivers nothing anywhere. smtp-server is a development dependency, which
// `npm start` installs; without it the start says what is missing.

import { mkdirSync, readdirSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const mailBytesMax = 2 * 1024 * 1024
const mailsKeptMax = 10_000
const connectionsMax = 20
const silenceMsMax = 30_000
const closeMsMax = 500

export interface Mailbox {
  /** For FIRN_MAIL_URL. */
  readonly url: string
  /** Mails taken since the start. */
  count(): number
  close(): Promise<void>
}

export interface ReceivedMail { readonly messageId: string, readonly subject: string, readonly to: readonly string[], readonly file: string, readonly atMs: number }

export interface MailboxOptions {
  /** 0: any free one. */
  readonly port: number
  /** Where the mails are kept: FIRN_DATA_DIR/mailbox. */
  readonly dir: string
  /** One line for each mail. */
  readonly say?: (line: string) => void
  readonly onMail?: (mail: ReceivedMail) => void
}

export async function startMailbox ({ port, dir, say, onMail }: MailboxOptions): Promise<Mailbox> {
  const { SMTPServer } = await import('smtp-server')
  mkdirSync(dir, { recursive: true })
  let kept = readdirSync(dir).filter(name => name.endsWith('.eml')).length
  let count = 0
  const server = new SMTPServer({
    authOptional: true, disabledCommands: ['STARTTLS'], logger: false, size: mailBytesMax, maxClients: connectionsMax, socketTimeout: silenceMsMax, closeTimeout: closeMsMax,
    // Anybody may log in: nothing leaves this machine.
    onAuth: (auth, _session, answer) => { answer(null, { user: auth.username ?? '' }) },
    onData: (stream, session, answer) => {
      const to = session.envelope.rcptTo.map(({ address }) => address)
      text(stream).then(async raw => {
        if (stream.sizeExceeded) throw Object.assign(new Error(`a mail may have ${mailBytesMax} bytes here`), { responseCode: 552 })
        if (kept >= mailsKeptMax) throw Object.assign(new Error(`${dir} has ${mailsKeptMax} mails: delete some`), { responseCode: 452 })
        const atMs = Date.now()
        const file = join(dir, `${new Date(atMs).toISOString().replaceAll(':', '-')}-${String(++kept).padStart(5, '0')}.eml`)
        await writeFile(`${file}.part`, raw)
        await rename(`${file}.part`, file)
        count++
        const mail = { messageId: headerOf(raw, 'Message-ID'), subject: headerOf(raw, 'Subject'), to, file, atMs }
        say?.(`mail for ${to.join(', ')}: ${mail.subject}  (${file})`)
        onMail?.(mail)
      }).then(() => { answer(null, 'kept') }, (error: unknown) => { answer(error as Error) })
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A client that goes away in the middle is no matter of ours.
  server.on('error', () => {})
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    count: () => count,
    close: () => new Promise(resolve => { server.close(() => { resolve() }) })
  }
}

/** A header as a person reads it: unfolded, encoded words decoded, nothing that moves a terminal's cursor. */
function headerOf (raw: string, name: string): string {
  const head = (raw.split(/\r?\n\r?\n/, 1)[0] ?? '').replaceAll(/\r?\n[ \t]+/g, ' ')
  const value = new RegExp(`^${name}:[ \t]*(.*)$`, 'im').exec(head)?.[1] ?? ''
  return value.replaceAll(/\?=\s+=\?/g, '?==?').replaceAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, kind: string, word: string) =>
    kind.toLowerCase() === 'b' ? Buffer.from(word, 'base64').toString() : Buffer.from(word.replaceAll('_', ' ').replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1').toString())
    .replaceAll(/\p{Cc}+/gu, ' ')
}
