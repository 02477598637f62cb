// What the commands show: one moving line while they work (only on a terminal), a table at the end.

import { basename } from 'node:path'
import { shownLine } from '../../runtime/index.ts'
import type { Delivered } from './deliver.ts'
import type { Progress } from './ledger.ts'

const drawMsMin = 200

export interface ProgressLine {
  progressed(progress: Progress, bytes: number, events: number): void
  clear(): void
}

export function showProgress (out: NodeJS.WriteStream, now: () => number = () => performance.now()): ProgressLine {
  const startedMs = now()
  let drawnMs = 0
  let events = 0
  return {
    progressed (progress, bytes, more) {
      events += more
      if (!out.isTTY || now() - drawnMs < drawMsMin) return
      drawnMs = now()
      const percent = bytes === 0 ? 100 : Math.min(100, Math.floor(progress.offset / bytes * 100))
      const rate = Math.round(events / Math.max(0.001, (now() - startedMs) / 1000))
      out.write(`\r\u001b[K${shownLine(basename(progress.path))}  ${percent} %  ${count(events)} events  ${count(rate)}/s`)
    },
    clear () {
      if (out.isTTY) out.write('\r\u001b[K')
    }
  }
}

/** One row per file that had something new, and the sum. */
export function summaryLines (delivered: readonly Delivered[], unchanged: number): string[] {
  const rows = delivered.filter(file => file.accepted + file.rejected > 0)
  const sum = { accepted: rows.reduce((n, row) => n + row.accepted, 0), rejected: rows.reduce((n, row) => n + row.rejected, 0) }
  const table = [
    ['file', 'accepted', 'rejected'],
    ...rows.map(row => [row.path, count(row.accepted), count(row.rejected)]),
    [`${rows.length} files with news, ${unchanged} without`, count(sum.accepted), count(sum.rejected)]
  ] as [string, string, string][]
  const widths = [0, 1, 2].map(column => Math.max(...table.map(row => (row[column] as string).length)))
  return table.map(([name, accepted, rejected]) =>
    `${name.padEnd(widths[0] as number)}  ${accepted.padStart(widths[1] as number)}  ${rejected.padStart(widths[2] as number)}`)
}

function count (n: number): string {
  return n.toLocaleString('en-US')
}
