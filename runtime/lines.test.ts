import { Readable } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { linesOf, LineSplitter, onLine } from './lines.ts'

async function split (chunks: Iterable<Buffer>): Promise<string[]> {
  const lines: string[] = []
  for await (const line of linesOf(Readable.from(chunks) as AsyncIterable<Buffer>)) lines.push(line)
  return lines
}

t.test('a line ends at LF, with or without a CR before it, and nowhere else', async t => {
  const inside = ['\u2028', '\u2029', '\u0085', '\v', '\f', '\r', '\ufeff', '\0', '\u001e']
  const line = `{"a":"x${inside.join('y')}z"}`
  t.strictSame(await split([Buffer.from(`${line}\n${line}\r\n\n\r\n${line}`)]), [line, line, '', '', line])
  t.strictSame(await split([Buffer.from('\ufeffa\n\ufeffb')]), ['\ufeffa', '\ufeffb'], 'a leading U+FEFF is text')
  t.strictSame(await split([]), [])
  t.strictSame(await split([Buffer.from('a\n')]), ['a'])
})

t.test('whatever the text and wherever the chunks end, the lines joined are the text', async t => {
  const text = fc.array(fc.string({ unit: 'binary' }).map(line => line.replaceAll('\n', ' ').toWellFormed().replace(/\r$/, '')), { minLength: 1 })
  await fc.assert(fc.asyncProperty(text, fc.array(fc.nat(7), { minLength: 1 }), async (lines, sizes) => {
    const bytes = Buffer.from(lines.join('\n') + '\n')
    const chunks: Buffer[] = []
    for (let at = 0, i = 0; at < bytes.length; i++) chunks.push(bytes.subarray(at, at += 1 + sizes[i % sizes.length]!))
    t.strictSame(await split(chunks), lines)
  }), { numRuns: 200 })
})

t.test('a stream that never ends a line is handed on in pieces', t => {
  const pieces: string[] = []
  const splitter = new LineSplitter(piece => { pieces.push(piece) }, 4)
  for (const chunk of ['abc', 'def', 'g']) splitter.write(Buffer.from(chunk))
  splitter.end()
  t.strictSame(pieces, ['abcdef', 'g'])
  t.end()
})

t.test('lines are called back as they come', async t => {
  const lines: string[] = []
  const stream = Readable.from([Buffer.from('one\ntw'), Buffer.from('o')])
  onLine(stream, line => { lines.push(line) })
  await new Promise(resolve => stream.once('end', resolve))
  t.strictSame(lines, ['one', 'two'])
})
