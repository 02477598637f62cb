// For tests: a log whose readers share partitions, as a group of Kafka does, over any log. The test is the coordinator: it
// says who has what. A partition is revoked from its old reader and assigned to the new one without waiting for either to
// have noticed, which is harder on a writer than a well-behaved group. As Kafka's reader, a member refuses to be sent to
// what it does not have, and does nothing for what was taken from it until it has heard so.

import type { Log, LogEvent, LogOpenOptions, LogReader } from '../log/index.ts'

export interface SharedLog {
  /** The log as one writer of the group sees it. */
  of (member: string): Log
  /** Partition → member; who is not named here has nothing. */
  assign (topic: string, owners: readonly string[]): void
}

interface Member { readonly options: LogOpenOptions, readonly reader: LogReader, readonly owned: Set<string>, readonly events: LogEvent[] }

export function shareLog (log: Log): SharedLog {
  const members = new Map<string, Member>()
  const owners = new Map<string, readonly string[]>()

  const apply = (name: string, member: Member, topic: string): void => {
    const wanted = (owners.get(topic) ?? []).flatMap((owner, partition) => owner === name ? [partition] : [])
    const lost = [...member.owned].filter(key => key.endsWith(`/${topic}`)).map(key => parseInt(key)).filter(partition => !wanted.includes(partition))
    const won = wanted.filter(partition => !member.owned.has(`${partition}/${topic}`))
    for (const partition of lost) {
      member.owned.delete(`${partition}/${topic}`)
      member.reader.pause(topic, partition)
    }
    if (lost.length > 0) member.events.push({ kind: 'revoked', topic, partitions: lost })
    for (const partition of won) {
      member.owned.add(`${partition}/${topic}`)
      const at = member.options.startAt(topic, partition)
      member.reader.seek(topic, partition, at === 'earliest' ? 0n : at)
      member.reader.resume(topic, partition)
    }
    if (won.length > 0) member.events.push({ kind: 'assigned', topic, partitions: won })
  }

  return {
    assign (topic, wanted) {
      owners.set(topic, wanted)
      for (const [name, member] of members) apply(name, member, topic)
    },
    of: name => ({
      ...bind(log),
      async open (options) {
        const reader = await log.open(options)
        const member: Member = { options, reader, owned: new Set(), events: [] }
        return {
          poll: async (waitMsMax, bytesMax) => {
            const queued = member.events.shift()
            if (queued !== undefined) return queued
            const event = await reader.poll(Math.min(waitMsMax, 20), bytesMax)
            if (event?.kind === 'assigned') {
              for (const partition of event.partitions) reader.pause(event.topic, partition)
              members.set(name, member)
              apply(name, member, event.topic)
              return null
            }
            const place = event?.kind === 'batch' ? event.batch : event?.kind === 'end' ? event : null
            return place !== null && !member.owned.has(`${place.partition}/${place.topic}`) ? null : event
          },
          seek: (topic, partition, offset) => { if (has(member, topic, partition)) reader.seek(topic, partition, offset) },
          pause: (topic, partition) => { if (has(member, topic, partition)) reader.pause(topic, partition) },
          resume: (topic, partition) => { if (has(member, topic, partition)) reader.resume(topic, partition) },
          close: async () => {
            if (members.get(name) === member) members.delete(name)
            await reader.close()
          }
        }
      }
    })
  }
}

/** False: it was taken, and the member has yet to hear so. */
function has ({ owned, events }: Member, topic: string, partition: number): boolean {
  if (events.some(event => event.kind === 'revoked' && event.topic === topic && event.partitions.includes(partition))) return false
  if (!owned.has(`${partition}/${topic}`)) throw new RangeError(`${topic} ${partition} is not assigned to this reader`)
  return true
}

/** A log's methods, free of their object. */
function bind (log: Log): Log {
  return {
    append: async records => await log.append(records),
    open: async options => await log.open(options),
    identity: async topics => await log.identity(topics),
    ranges: async topic => await log.ranges(topic),
    topics: async () => await log.topics(),
    compareFingerprint: async (...asked) => await log.compareFingerprint(...asked),
    ensureTopic: async topic => await log.ensureTopic(topic),
    acknowledge: async (topic, offsets) => { await log.acknowledge(topic, offsets) },
    checkReady: async () => { await log.checkReady() },
    close: async () => { await log.close() }
  }
}
