// Which small files of a partition are written together with what is written there anyway. A file is taken when it is not much
// larger than what is in the heap so far, so a row is rewritten a few times in its life however often its partition grows,
// and a partition keeps a few files of each size. Pure.

import type { LiveFile } from '../../catalog/index.ts'

/** Larger files are left alone. */
export const foldBytesMax = 8 * 1_048_576
/** A heap counts as this much at least: opening a file costs as much as reading it. */
const heapBytesMin = 32 * 1024
const timesLargerMax = 3
/** More small files than these in a partition all go. */
const filesKeptMax = 24

export function chooseFolded (files: readonly LiveFile[], writtenBytes: number): LiveFile[] {
  const small = files.filter(file => Number(file.fileSizeBytes) < foldBytesMax).sort((a, b) => Number(a.fileSizeBytes - b.fileSizeBytes))
  if (small.length > filesKeptMax) return small
  const folded: LiveFile[] = []
  let heap = Math.max(heapBytesMin, writtenBytes)
  for (const file of small) {
    const bytes = Number(file.fileSizeBytes)
    if (bytes > heap * timesLargerMax) break
    folded.push(file)
    heap += bytes
  }
  return folded
}
