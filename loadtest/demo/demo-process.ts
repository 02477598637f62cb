// `npm start -- --demo` as somebody would run it, and where its mails go.

import { join } from 'node:path'
import { startNpmLine, type NpmLine } from '../npm-line.ts'

export interface DemoProcess extends NpmLine {
  readonly mailboxDir: string
}

export async function startDemo (dataDir: string, eventsPerSecond: number, readyMsMax: number): Promise<DemoProcess> {
  const line = await startNpmLine({ dataDir, readyMsMax, flags: ['--demo', '--rate', String(eventsPerSecond)] })
  return { ...line, mailboxDir: join(dataDir, 'mailbox') }
}
