import t, { type Test } from 'tap'
import { connect, type Socket } from 'node:net'
import { createHttpServer, connectionsOf, listen, type HttpServerOptions } from './http-server.ts'
import { idleLooksMax, type Connections } from './connections.ts'
import { createLogger } from './logger.ts'
import { until } from './until.ts'

const limits = {
  connectionsMax: 100,
  connectionsPerShareMax: 100,
  shareOf: (address: string | undefined) => address ?? null,
  answerBytesPerSecondMin: 200
}

interface Started { readonly connections: Connections, readonly open: () => Promise<number>, readonly dial: (text: string) => Dialled }
interface Dialled { readonly socket: Socket, readonly text: () => string }

async function start (t: Test, options: Partial<HttpServerOptions> = {}): Promise<Started> {
  const app = createHttpServer({ logger: createLogger('test', 'silent'), bodyBytesMax: 4_000_000, connections: limits, ...options })
  app.post('/things', async request => ({ got: request.body }))
  app.get('/long', async () => 'x'.repeat(64 * 1024 * 1024))
  const port = Number(new URL(await listen(app, { host: '127.0.0.1', port: 0, setting: 'X' })).port)
  const sockets: Socket[] = []
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await app.close()
  })
  return {
    connections: connectionsOf(app) as Connections,
    open: async () => await new Promise(resolve => { app.server.getConnections((_error, count) => { resolve(count) }) }),
    dial: text => {
      // It closes nothing by itself: what ends it is the server.
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      sockets.push(socket)
      let answer = ''
      socket.on('error', () => {}).on('data', chunk => { if (answer.length < 10_000) answer += String(chunk) })
      socket.write(text)
      return { socket, text: () => answer }
    }
  }
}

t.test('a head that does not end is answered and its descriptor is free, though its client neither closes nor reads', async t => {
  const { dial, open } = await start(t, { headersMsMax: 100 })
  const slow = [dial('POST /things HTTP/1.1\r\nhost: x\r\nx-a: '), dial(''), dial('GET')]
  slow[0]?.socket.pause()
  await until(async () => await open() === 3)
  await until(async () => await open() === 0)
  t.match(slow[2]?.text(), /^HTTP\/1\.1 408 .*"code":"REQUEST_TIMEOUT"/s)
})

t.test('a body that does not end within the time of a request is answered and its descriptor is free', async t => {
  const { dial, open } = await start(t, { requestMsMax: 100 })
  const slow = dial('POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{')
  await until(async () => await open() === 1)
  await until(async () => await open() === 0)
  t.match(slow.text(), /408/)
})

t.test('a request that is refused before all of it is there is answered, and its connection does not stay', async t => {
  const { dial, open } = await start(t)
  const large = dial('POST /things HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 90000000\r\n\r\n[')
  await until(() => large.text().includes('BODY_TOO_LARGE'))
  await until(async () => await open() === 0)
  t.match(large.text(), /connection: close/i)
})

t.test('what is not HTTP is answered and its descriptor is free', async t => {
  const { dial, open } = await start(t)
  const strange = dial('\u0016\u0003\u0001 hello\r\n\r\n')
  await until(() => strange.text().includes('REQUEST_INVALID'))
  await until(async () => await open() === 0)
  t.pass('closed')
})

t.test('one address has its share of the connections, and has it again when they close', async t => {
  const { dial, open, connections } = await start(t, { connections: { ...limits, connectionsPerShareMax: 2 } })
  const kept = [dial(''), dial('')]
  await until(() => connections.open === 2)
  const third = dial('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  await until(() => third.text().includes('CONNECTIONS_TOO_MANY'))
  t.match(third.text(), /^HTTP\/1\.1 429 /)
  await until(async () => await open() === 2)
  t.equal(connections.refused, 1)
  kept[0]?.socket.destroy()
  await until(() => connections.open === 1)
  const again = dial('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  await until(() => again.text().includes('alive'))
  t.equal(connections.refused, 1)
})

t.test('a peer that stands for many is bounded by all connections only', async t => {
  const { dial, connections } = await start(t, { connections: { ...limits, connectionsMax: 3, connectionsPerShareMax: 1, shareOf: () => null } })
  for (let i = 0; i < 3; i++) dial('')
  await until(() => connections.open === 3)
  dial('')
  await until(() => connections.refused === 1)
  t.equal(connections.open, 3)
})

t.test('an answer that its client does not read is cut after some looks, one that is read slowly is not', async t => {
  const { dial, connections } = await start(t)
  const [slow, still] = ['', ''].map(text => dial(text).socket) as [Socket, Socket]
  for (const socket of [slow, still]) {
    socket.pause()
    socket.write('GET /long HTTP/1.1\r\nhost: x\r\n\r\n')
    await until(() => socket.bytesRead > 0 || socket.readableLength > 0)
  }
  // The system takes some of the answer for a client that reads nothing: its time begins when that is full.
  let looks = 0
  for (; connections.cut === 0 && looks < 2 * idleLooksMax; looks++) {
    // Enough that the system asks for more of the answer.
    await readSome(slow, 2 * 1024 * 1024)
    connections.look()
  }
  t.ok(looks >= idleLooksMax, 'it has its time')
  t.equal(connections.cut, 1)
  await until(() => connections.open === 1)
  t.equal(slow.destroyed, false)
})

async function readSome (socket: Socket, bytes: number): Promise<void> {
  const wanted = socket.bytesRead + bytes
  const stop = (): void => { if (socket.bytesRead >= wanted) socket.pause() }
  socket.on('data', stop).resume()
  await until(() => socket.isPaused())
  socket.off('data', stop)
}
