// The mail server of `npm run test:alerts`: takes its time for each mail, so that kills meet mails on their way; now and then
// it takes a mail and closes without saying so, or refuses for the moment. Counts what it has taken.

import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'

const mailMsMax = 15
const cutShare = 0.01
const busyShare = 0.02

export interface MailSink {
  readonly url: string
  received(): number
  /** Message-ID → the subjects that came with it. */
  messageIds(): ReadonlyMap<string, ReadonlySet<string>>
  subjects(): ReadonlySet<string>
  /** Mails that were taken without an answer. */
  cuts(): number
  /** Dialogues that are open. */
  open(): number
  nextMail(): Promise<void>
  close(): Promise<void>
}

export async function startMailSink (random: () => number): Promise<MailSink> {
  const ids = new Map<string, Set<string>>()
  const subjects = new Set<string>()
  const sockets = new Set<Socket>()
  let [received, cuts] = [0, 0]
  let waiting: Array<() => void> = []
  const server = new SMTPServer({
    authOptional: true, disabledCommands: ['STARTTLS'], logger: false, closeTimeout: 100,
    onData: (stream, _session, answer) => {
      // A client that is killed in the middle of a mail ends the stream with an error.
      text(stream).then(async raw => {
        for (const resolve of waiting.splice(0)) resolve()
        if (random() < busyShare) {
          answer(Object.assign(new Error('busy, come back'), { responseCode: 451 }))
          return
        }
        received++
        const [id, subject] = [headerOf(raw, 'Message-ID'), headerOf(raw, 'Subject')]
        ids.set(id, (ids.get(id) ?? new Set()).add(subject))
        subjects.add(subject)
        await sleep(random() * mailMsMax)
        if (random() < cutShare) {
          cuts++
          for (const socket of sockets) socket.destroy()
        } else answer(null)
      }).catch((error: unknown) => { answer(error as Error) })
    }
  })
  // Killed clients leave resets behind.
  server.on('error', () => {})
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    received: () => received,
    messageIds: () => ids,
    subjects: () => subjects,
    cuts: () => cuts,
    open: () => sockets.size,
    nextMail: () => new Promise(resolve => { waiting = [...waiting, resolve] }),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>(resolve => { server.close(() => { resolve() }) })
    }
  }
}

function headerOf (raw: string, name: string): string {
  return new RegExp(`^${name}:[ \t]*(.*)$`, 'im').exec(raw.replaceAll(/\r?\n[ \t]+/g, ' '))?.[1]?.trim() ?? ''
}
