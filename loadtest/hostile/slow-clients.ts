// Clients that hold what they do not use: heads that never end, bodies that stop, that trickle, that announce more than they
// send, answers that nobody reads, connections by the hundred. While all of them are there, others are served.

import { until } from '../../runtime/index.ts'
import { someEvent, type Ground } from './ground.ts'

const connections = 400
const mebibyte = 1024 * 1024
const goneMsMax = 60_000

export async function playSlowClients (ground: Ground): Promise<void> {
  const { line, tally, dial } = ground
  const { gatewayUrl, catalogUrl, queryUrl } = line
  const head = (length: number | string): string => `POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${typeof length === 'number' ? `content-length: ${length}` : length}\r\n\r\n`
  const kinds: Record<string, { url: string, text: string, count: number }> = {
    'unfinished bodies of 8 MiB': { url: gatewayUrl, text: head(8 * mebibyte) + ' '.repeat(mebibyte), count: 8 },
    'bodies that announce and send nothing': { url: gatewayUrl, text: head(7 * mebibyte), count: 20 },
    'chunks without an end': { url: gatewayUrl, text: head('transfer-encoding: chunked') + '400\r\n' + ' '.repeat(0x400) + '\r\n', count: 50 },
    'a chunk whose size is a lie': { url: gatewayUrl, text: head('transfer-encoding: chunked') + 'fffffffffffffff\r\nx', count: 5 },
    'two lengths': { url: gatewayUrl, text: 'POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef', count: 5 },
    'a length and chunks (smuggling)': { url: gatewayUrl, text: head('transfer-encoding: chunked\r\ncontent-length: 4') + '0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n', count: 5 },
    'heads that never end': { url: gatewayUrl, text: 'POST /v1/events HTTP/1.1\r\nhost: x\r\nx-a: ', count: connections },
    'heads without end to the catalog': { url: catalogUrl, text: 'GET /v1/config HTTP/1.1\r\nhost: x\r\nx-a: ', count: 100 },
    'heads without end to the query service': { url: queryUrl, text: 'GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: ', count: 100 },
    'a head of 1 MiB': { url: gatewayUrl, text: `GET / HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(mebibyte)}\r\n\r\n`, count: 5 },
    'no HTTP at all': { url: gatewayUrl, text: '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003', count: 20 },
    'requests behind one another whose answers nobody reads': { url: gatewayUrl, text: 'GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50), count: 5 }
  }
  const opened = new Map<string, ReturnType<typeof dial>[]>()
  for (const [name, { url, text, count }] of Object.entries(kinds)) {
    opened.set(name, Array.from({ length: count }, () => dial(url, text)))
    // Nobody reads here.
    if (name.includes('nobody')) for (const { socket } of opened.get(name)!) socket.pause()
  }
  const statuses = new Map<number, number>()
  const others = async (): Promise<void> => {
    const { status } = await ground.send(gatewayUrl, '/v1/events', { method: 'POST', body: someEvent(`beside-${Math.random()}`) })
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  for (let i = 0; i < 40; i++) await others()
  const counted = [...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')
  tally.check('beside them others are served, or told to come again', [...statuses.keys()].every(status => [202, 429, 503].includes(status)), counted)
  await until(async () => {
    await others()
    return statuses.get(202) !== undefined
  }, goneMsMax).catch(() => {})
  tally.check('and are served soon', statuses.get(202) !== undefined, [...statuses].map(([status, count]) => `${count} × ${status}`).join(', '))
  const answered = (name: string): string => opened.get(name)!.map(({ text }) => text().slice(9, 12)).join(' ')
  for (const name of ['two lengths', 'a length and chunks (smuggling)', 'a chunk whose size is a lie', 'no HTTP at all', 'a head of 1 MiB']) {
    await until(() => opened.get(name)!.every(({ text, isClosed }) => /^HTTP\/1\.1 4\d\d/.test(text()) || isClosed()), goneMsMax).catch(() => {})
    tally.check(`${name}: refused at once`, opened.get(name)!.every(({ text, isClosed }) => (/^HTTP\/1\.1 4\d\d/.test(text()) || isClosed()) && !text().includes('firn_gateway_')), answered(name))
  }
  const heads = Object.keys(kinds).filter(name => name.startsWith('heads')).flatMap(name => opened.get(name)!)
  for (const [name, sockets] of opened) if (!name.startsWith('heads')) for (const { socket } of sockets) socket.destroy()
  // Their time is 20 s: the other attacks go on meanwhile.
  ground.later.push(async () => {
    await until(() => heads.every(({ isClosed }) => isClosed()), goneMsMax).catch(() => {})
    tally.check(`all ${heads.length} heads that never end are gone in their time`, heads.every(({ isClosed }) => isClosed()), `${heads.filter(({ isClosed }) => !isClosed()).length} are left`)
  })
}
