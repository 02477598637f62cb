// The processes behind the addresses that are watched. A name may stand for several of them (`--scale writer=3`): each is asked
// by itself, since an average of one that stands still and two that do not looks well. What a name cannot be taken apart into
// (a certificate is for the name, a balancer has one address) is asked as it stands.

import { lookup as lookupName } from 'node:dns/promises'
import { isIP } from 'node:net'

const instancesMax = 64
const lookupMsMax = 3000

export interface Instance {
  /** What alerts call it. */
  readonly name: string
  /** Where it is asked. */
  readonly url: string
}

export type Lookup = (host: string) => Promise<readonly { readonly address: string, readonly family: number }[]>

/** A name that cannot be resolved is one instance, which will not answer. */
export async function instancesOf (url: string, lookup: Lookup = async host => await lookupName(host, { all: true })): Promise<Instance[]> {
  const alone = [{ name: url, url }]
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'http:' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return alone
  const found = await Promise.race([lookup(hostname).catch(() => []), late()])
  // The same machine under both families is one instance, not two.
  const four = found.filter(({ family }) => family === 4)
  const addresses = [...new Set((four.length > 0 ? four : found).map(({ address }) => address))].sort().slice(0, instancesMax)
  if (addresses.length < 2) return alone
  return addresses.map(address => {
    const at = new URL(url)
    at.hostname = address.includes(':') ? `[${address}]` : address
    return { name: `${url} at ${address}`, url: at.origin }
  })
}

async function late (): Promise<[]> {
  return await new Promise(resolve => { setTimeout(() => { resolve([]) }, lookupMsMax).unref() })
}

/** The instance that a condition's name ends in; null for one about something else. */
export function instanceIn (conditionName: string): string | null {
  return /-(https?:\/\/.+)$/.exec(conditionName)?.[1] ?? null
}
