// Ports for servers that have to be told theirs before they listen: who needs one for itself listens on port 0 instead.

import { createServer } from 'node:net'

const triesMax = 100
// Below the ports that outgoing connections take (32768 and up on Linux): one of those could be taken before the server listens.
const [first, last] = [20_000, 32_000]

/**
 * `count` ports in a row of 127.0.0.1 that were free a moment ago.
 *
 * @throws Error after a hundred tries
 */
export async function freePorts (count: number): Promise<number[]> {
  for (let tries = 0; tries < triesMax; tries++) {
    const start = first + Math.floor(Math.random() * (last - first - count))
    const ports = Array.from({ length: count }, (_, at) => start + at)
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return ports
  }
  throw new Error(`no ${count} free ports in a row between ${first} and ${last}`)
}

export async function freePort (): Promise<number> {
  return (await freePorts(1))[0]!
}

/** Whether a server could listen there now. */
export async function isFree (port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer().once('error', () => { resolve(false) }).listen(port, '127.0.0.1', () => { server.close(() => { resolve(true) }) })
  return await promise
}
