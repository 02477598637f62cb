// What connections may take of a server, whatever their peers do: how many there are, in all and from one address, how long a
// refused one lingers, and how long an answer may wait for a peer that does not read it.
// Refuses a connection over the bound before a byte of it is read. Invariant: a connection that was refused or that ran out of
// time gives its descriptor back within `lingerMs`, whether its peer reads, closes, or does neither.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'

export interface ConnectionLimits {
  readonly connectionsMax: number
  /** Of one share, see `shareOf`. */
  readonly connectionsPerShareMax: number
  /** The name under which a peer's connections are counted together; null for a peer that stands for many. */
  readonly shareOf: (remoteAddress: string | undefined) => string | null
  /** A peer that takes less of an answer than this, look after look, is cut. */
  readonly answerBytesPerSecondMin: number
}

export interface Connections {
  readonly open: number
  /** Refused since the start. */
  readonly refused: number
  /** Cut since the start, because the peer did not take its answers. */
  readonly cut: number
  /** Looks once at all answers under way; a timer does it every `lookEveryMs` while there are connections. */
  look(): void
}

interface Answers {
  /** Bytes that had left the process at the last look. */
  flushed: number
  looksWithoutProgress: number
}

export const lookEveryMs = 5000
/** A minute: a phone in a tunnel comes back before that. */
export const idleLooksMax = 12
const lingerMs = 1000

/** Watches a server's connections. `refusal` is the whole answer, head and body, that one over the bound gets. */
export function guardConnections (server: Server, limits: ConnectionLimits, refusal: () => string): Connections {
  const { connectionsMax, connectionsPerShareMax, shareOf } = limits
  const open = new Map<Socket, Answers>()
  const perShare = new Map<string, number>()
  const bytesPerLookMin = limits.answerBytesPerSecondMin * lookEveryMs / 1000
  let [refused, cut] = [0, 0]
  let timer: NodeJS.Timeout | null = null

  function look (): void {
    for (const [socket, answers] of open) {
      if (isTaken(socket, answers, bytesPerLookMin)) answers.looksWithoutProgress = 0
      else if (++answers.looksWithoutProgress >= idleLooksMax) {
        cut++
        open.delete(socket)
        socket.destroy()
      }
    }
    if (open.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }

  server.maxConnections = connectionsMax
  server.on('drop', () => { refused++ })
  server.prependListener('connection', (socket: Socket) => {
    const share = shareOf(socket.remoteAddress)
    const ofShare = share === null ? 0 : perShare.get(share) ?? 0
    if (share !== null && ofShare >= connectionsPerShareMax) {
      refused++
      socket.on('error', ignore)
      socket.write(refusal())
      socket.destroySoon()
      return
    }
    if (share !== null) perShare.set(share, ofShare + 1)
    open.set(socket, { flushed: 0, looksWithoutProgress: 0 })
    timer ??= setInterval(look, lookEveryMs).unref()
    socket.once('close', () => {
      open.delete(socket)
      if (share === null) return
      const left = (perShare.get(share) ?? 1) - 1
      if (left === 0) perShare.delete(share)
      else perShare.set(share, left)
    })
  })
  return { get open () { return open.size }, get refused () { return refused }, get cut () { return cut }, look }
}

/**
 * Says a last word and gives the descriptor back: at once when the peer closes too, soon when it does not. Closing with
 * bytes unread would reset the connection, and the peer would lose the answer that tells it why.
 */
export function endSoon (socket: Socket, lastWord?: string): void {
  if (socket.destroyed) return
  socket.on('error', ignore)
  if (socket.writable) socket.end(lastWord ?? '')
  const late = setTimeout(() => { socket.destroy() }, lingerMs)
  late.unref()
  socket.once('close', () => { clearTimeout(late) })
}

/** Nothing waits for the peer, or it has taken enough since the last look. */
function isTaken (socket: Socket, answers: Answers, bytesMin: number): boolean {
  if (socket.writableLength === 0) return true
  const flushed = socket.bytesWritten - waitingBytes(socket)
  const taken = flushed - answers.flushed
  answers.flushed = flushed
  return taken >= bytesMin
}

/** Of a write under way the stream counts all bytes until the last has left; the handle, as Node's own time-out asks it, counts down. */
function waitingBytes (socket: Socket): number {
  const handle = (socket as { _handle?: { writeQueueSize?: number } | null })._handle
  return handle?.writeQueueSize ?? socket.writableLength
}

function ignore (): void {}
