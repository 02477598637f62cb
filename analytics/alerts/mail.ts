// Alerts by SMTP. One connection for a mail: an idle one that the server closed would make outcomes unknown. What an error
// means for the message is read from where in the dialogue it happened; when in doubt the outcome is unknown, and the same
// mail is sent again with the same Message-ID.

import { createTransport } from 'nodemailer'
import type { Channel, Delivery } from './channel.ts'
import type { AlertConfig } from './config.ts'
import { renderMessage } from './message-text.ts'

export interface MailLimits {
  readonly connectMsMax: number
  /** Silence of the server in the middle of a dialogue. */
  readonly silenceMsMax: number
  readonly attemptMsMax: number
}

const usualLimits: MailLimits = { connectMsMax: 10_000, silenceMsMax: 20_000, attemptMsMax: 30_000 }
const recipientsToldMax = 10

const beforeMail: ReadonlySet<string> = new Set(['EDNS', 'ETLS', 'EAUTH', 'ENOAUTH', 'ECONFIG', 'EPROXY', 'EOAUTH2', 'CONNECT_TIMEOUT', 'GREETING_TIMEOUT', 'UPGRADE_TIMEOUT'])

/** The members of nodemailer's errors that are looked at. */
interface SmtpError extends Error { code?: string, command?: string, responseCode?: number, response?: string, rejected?: string[], timeoutType?: string, syscall?: string }

export function openMail (config: Pick<AlertConfig, 'FIRN_MAIL_URL' | 'FIRN_MAIL_FROM' | 'FIRN_ALERT_TO'>, limits: MailLimits = usualLimits): Channel {
  const transport = createTransport({
    url: config.FIRN_MAIL_URL!, connectionTimeout: limits.connectMsMax, greetingTimeout: limits.connectMsMax, dnsTimeout: limits.connectMsMax,
    socketTimeout: limits.silenceMsMax, socketCloseTimeout: 0, disableFileAccess: true, disableUrlAccess: true
  })
  return {
    name: 'mail',
    deliver: async (message, alerts, signal) => {
      const { subject, text, html } = renderMessage(message.kind, alerts)
      try {
        const answer = await transport.sendMail({
          from: config.FIRN_MAIL_FROM, to: [...config.FIRN_ALERT_TO], subject, text, html, messageId: message.id,
          ...message.replyTo === undefined ? {} : { inReplyTo: message.replyTo, references: [message.replyTo] },
          // A robot's mail: no vacation notes in return.
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Firn-Alert': alerts.length === 1 ? alerts[0]!.kind : 'digest', 'X-Firn-Severity': alerts.some(({ severity }) => severity === 'high') ? 'high' : alerts[0]!.severity },
          signal: AbortSignal.any([signal, AbortSignal.timeout(limits.attemptMsMax)])
        })
        const rejected = (answer.rejected as string[]).slice(0, recipientsToldMax)
        return { outcome: 'sent', detail: rejected.length === 0 ? answer.response : `${answer.response}; not for ${rejected.join(', ')}, whom the server refused` }
      } catch (error) {
        return judge(error as SmtpError)
      }
    }
  }
}

/** What an error says about the mail. */
function judge (error: SmtpError): Delivery {
  const detail = (error.response ?? error.message).replaceAll(/\s+/g, ' ')
  const { code = '', command = '', responseCode, timeoutType = '', syscall } = error
  // What can only happen before the server is given the mail. The command says nothing here: nodemailer names CONN for every
  // connection that breaks, also for one that breaks behind the last byte of a mail.
  if (beforeMail.has(code) || beforeMail.has(timeoutType) || syscall === 'connect') return { outcome: 'failed', detail, isWide: true }
  if (responseCode === undefined || responseCode < 400 || command === 'CONN') return { outcome: 'unknown', detail }
  if (/^(EHLO|HELO|LHLO|AUTH|STARTTLS)/.test(command)) return { outcome: 'failed', detail, isWide: true }
  // 421: the server closes for everybody. 503: it lost the thread of this dialogue.
  if (responseCode < 500 || responseCode === 503) return { outcome: 'failed', detail, isWide: responseCode === 421 }
  // Of a sender that is not wanted there no mail would be taken: settings, not this alert.
  if (command.startsWith('MAIL')) return { outcome: 'failed', detail, isWide: true }
  return { outcome: 'refused', detail: error.rejected === undefined || error.rejected.length === 0 ? detail : `${detail} (${error.rejected.slice(0, recipientsToldMax).join(', ')})` }
}

