// Alerts to a chat by an incoming webhook, in the form that Slack reads ({text, blocks}) and others understand. There is no
// Message-ID: a crash between the request and its answer repeats the message. What comes from events is escaped, and a
// mention (@channel, <!here>) in it means nothing.

import { request } from 'undici'
import type { Alert } from './alert.ts'
import type { Channel, Delivery } from './channel.ts'
import type { Message } from './ledger-state.ts'
import { queriesOf, renderMessage } from './message-text.ts'

const attemptMsMax = 15_000
const linesShownMax = 10
const answerCharactersMax = 200
/** Slack refuses a longer text in a block. */
const blockCharactersMax = 2900

export function openWebhook (url: string): Channel {
  return {
    name: 'webhook',
    deliver: async (message, alerts, signal) => {
      try {
        const { statusCode, body } = await request(url, {
          method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(slackMessage(message, alerts)),
          signal: AbortSignal.any([signal, AbortSignal.timeout(attemptMsMax)])
        })
        return judgeStatus(statusCode, (await body.text()).slice(0, answerCharactersMax))
      } catch (error) {
        const { code, message: detail } = error as NodeJS.ErrnoException
        return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'UND_ERR_CONNECT_TIMEOUT' ? { outcome: 'failed', detail, isWide: true } : { outcome: 'unknown', detail: detail || String(code) }
      }
    }
  }
}

function judgeStatus (status: number, answer: string): Delivery {
  const detail = `HTTP ${status} ${answer}`.trim()
  if (status >= 200 && status < 300) return { outcome: 'sent', detail }
  // A hook that is gone or not allowed is a setting, not this alert; a form that is not understood will not be next time.
  if (status === 400 || status === 413 || status === 422) return { outcome: 'refused', detail }
  return { outcome: 'failed', detail, isWide: true }
}

export function slackMessage (message: Message, alerts: readonly Alert[]): { text: string, blocks: unknown[] } {
  const { subject } = renderMessage(message.kind, alerts)
  const section = (text: string): unknown => ({ type: 'section', text: { type: 'mrkdwn', text: text.slice(0, blockCharactersMax) } })
  const text = escapeSlack(subject)
  const lines = alerts.length > 1 ? alerts.map(({ title, score }) => `${score === undefined ? '' : `${score}: `}${title}`) : [...alerts[0]!.evidence]
  const more = lines.length - linesShownMax
  const list = [...lines.slice(0, linesShownMax), ...more > 0 ? [`and ${more} more`] : []].map(line => `• ${escapeSlack(line)}`).join('\n')
  const query = alerts.length === 1 && alerts[0]!.query !== undefined ? [section('```' + escapeSlack(queriesOf(alerts[0]!.query).firn).replaceAll('```', "'''").slice(0, blockCharactersMax - 10) + '```')] : []
  return { text, blocks: [section(`*${text.replaceAll('*', '')}*`), ...list === '' ? [] : [section(list)], ...query] }
}

function escapeSlack (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(/@(channel|here|everyone)/g, '@\u200b$1')
}
