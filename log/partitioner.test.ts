import t from 'tap'
import { murmur2, partitionOf } from './partitioner.ts'

t.test('murmur2 is that of the Java client', async t => {
  // org.apache.kafka.common.utils.UtilsTest, testMurmur2
  const known: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107]
  ]
  for (const [key, hash] of known) t.equal(murmur2(Buffer.from(key)), hash, key)
})

t.test('a negative hash gives a partition that exists', async t => {
  t.equal(partitionOf('21', 3), (-973932308 & 0x7fffffff) % 3)
  for (let i = 0; i < 1000; i++) {
    const partition = partitionOf(`key-${i}-☃`, 7)
    if (!(partition >= 0 && partition < 7)) t.fail(`partition ${partition}`)
  }
})
