// What decides whether an event is accepted, the same wherever it is judged: at the gateway, in files, and by the writer
// for records that producers send to the log themselves. Where two processes judge, both need the same values.

import { Type } from 'typebox'

export const eventSettings = {
  FIRN_EVENT_FUTURE_MINUTES_MAX: Type.Integer({ default: 60, minimum: 0, maximum: 525_600, description: 'how far ahead of its arrival an event may be: beyond it, the clock of its sender is wrong' }),
  FIRN_EVENT_AGE_DAYS_MAX: Type.Integer({ default: 7, minimum: 1, maximum: 3650, description: 'how old an event may be when it arrives, and how far apart duplicates are found; history comes in by import' }),
  FIRN_MONEY_ROUND: Type.Boolean({ default: false, description: 'round money with more than two decimals, half away from zero, instead of refusing its event; as sent it stays in properties.$extra' }),
  FIRN_EVENT_BYTES_MAX: Type.Integer({ default: 64 * 1024, minimum: 1024, maximum: 1024 ** 2, description: 'largest event; larger ones are refused, or dead letters where they are in the log already' })
}
