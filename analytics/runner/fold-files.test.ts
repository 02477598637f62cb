import fc from 'fast-check'
import t from 'tap'
import type { LiveFile } from '../../catalog/index.ts'
import { chooseFolded, foldBytesMax } from './fold-files.ts'

const file = (bytes: number): LiveFile => ({ location: String(bytes), fileSizeBytes: BigInt(bytes) }) as LiveFile
const bytesOf = (files: readonly LiveFile[]): number[] => files.map(file => Number(file.fileSizeBytes))

t.test('files that are not much larger than what is written go along, larger ones stay', async t => {
  t.same(bytesOf(chooseFolded([file(40_000), file(2_000_000), file(20_000)], 10_000)), [20_000, 40_000])
  t.same(bytesOf(chooseFolded([file(foldBytesMax)], 100_000_000)), [])
})

t.test('a partition that grows by small commits keeps few files, and rewrites each byte a few times', async () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 5_000, max: 60_000 }), { minLength: 200, maxLength: 400 }), sizes => {
    let files: LiveFile[] = []
    let written = 0
    for (const size of sizes) {
      const folded = chooseFolded(files, size)
      const whole = folded.reduce((sum, file) => sum + Number(file.fileSizeBytes), size)
      files = [...files.filter(file => !folded.includes(file)), file(whole)]
      written += whole
    }
    const total = sizes.reduce((sum, size) => sum + size, 0)
    return files.length < 30 && written < total * 12
  }), { numRuns: 30 })
})
