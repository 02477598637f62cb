// A bar that is drawn over itself on a terminal, and nothing anywhere else.

import type { SenderCounts } from './sender.ts'

const barWidth = 24
const drawEveryMs = 200

export interface Progress { draw(events: number): void, end(): void }

export function createProgress (stream: NodeJS.WriteStream, quiet: boolean, bounds: { eventsMax: number, durationMsMax: number }, counts: Readonly<SenderCounts>): Progress {
  if (quiet || !stream.isTTY) return { draw: () => {}, end: () => {} }
  const startedAt = performance.now()
  let drawnAt = 0
  const show = (events: number): void => {
    const elapsed = performance.now() - startedAt
    const done = Math.min(1, Math.max(events / bounds.eventsMax, elapsed / bounds.durationMsMax))
    const filled = Math.round(done * barWidth)
    const of = Number.isFinite(bounds.eventsMax) ? `/${bounds.eventsMax}` : ''
    stream.write(`\r\x1b[K${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${events}${of}  ${Math.round(events * 1000 / Math.max(1, elapsed))}/s  202: ${counts.acked}  4xx: ${counts.refused}${counts.retries > 0 ? `  retries: ${counts.retries}` : ''}`)
  }
  return {
    draw: events => {
      if (performance.now() - drawnAt < drawEveryMs) return
      drawnAt = performance.now()
      show(events)
    },
    end: () => { stream.write('\r\x1b[K') }
  }
}
