// The address that an event came from. X-Forwarded-For is believed only when the peer is a trusted proxy, and then read
// from the right: the first address that is no trusted proxy itself. Whatever is not an address is not believed.
// An address has one spelling here, and one share of what the gateway can hold: an IPv6 client has a whole /64 to send from.

import { BlockList, isIP, SocketAddress } from 'node:net'
import { fail } from './errors.ts'

export interface ClientAddresses {
  /** The address that a request came from, in its one spelling; null when there is none. */
  readonly of: (peer: string | undefined, forwardedFor: string | string[] | undefined) => string | null
  /** The name under which what an address holds is counted; null for a trusted proxy, which stands for many. */
  readonly shareOf: (address: string | null | undefined) => string | null
}

const hopsMax = 32
const peersKept = 10_000
const mapped = '::ffff:'
const mappedBits = 96

/** Makes the reader for a list of trusted proxies: `loopback`, addresses, CIDR ranges, `none`. Throws GATEWAY_SETTING. */
export function readClientAddresses (trustedProxies: readonly string[]): ClientAddresses {
  const trusted = blockListOf(trustedProxies)
  const verdicts = new Map<string, boolean>()
  const isTrusted = (address: string): boolean => {
    let verdict = verdicts.get(address)
    if (verdict === undefined) {
      verdict = trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
      if (verdicts.size >= peersKept) verdicts.clear()
      verdicts.set(address, verdict)
    }
    return verdict
  }
  function of (peer: string | undefined, forwardedFor: string | string[] | undefined): string | null {
    const address = addressOf(peer ?? '')
    if (address === null || forwardedFor === undefined || !isTrusted(address)) return address
    const hops = String(forwardedFor).split(',')
    let client = address
    for (let i = hops.length - 1; i >= 0 && i >= hops.length - hopsMax; i--) {
      const hop = addressOf(hops[i] as string)
      if (hop === null) break
      client = hop
      if (!isTrusted(hop)) break
    }
    return client
  }
  function shareOf (given: string | null | undefined): string | null {
    const address = addressOf(given ?? '')
    if (address === null || isTrusted(address)) return null
    return isIP(address) === 6 ? networkOf(address) : address
  }
  return { of, shareOf }
}

/**
 * One spelling for an address: no brackets, no port, no zone, IPv6 lower case and as short as it goes, IPv4 not wrapped
 * into IPv6. Null for anything else.
 */
function addressOf (text: string): string | null {
  let address = text.trim()
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(address)
  if (bracketed !== null) address = bracketed[1] as string
  else if (/^\d+\.\d+\.\d+\.\d+:\d+$/.test(address)) address = address.slice(0, address.indexOf(':'))
  const zone = address.indexOf('%')
  if (zone >= 0) address = address.slice(0, zone)
  switch (isIP(address)) {
    case 4: return address
    case 6: return shortened(address)
    default: return null
  }
}

function shortened (ipv6: string): string {
  const { address } = new SocketAddress({ address: ipv6, family: 'ipv6' })
  return address.startsWith(mapped) && isIP(address.slice(mapped.length)) === 4 ? address.slice(mapped.length) : address
}

/** The first 64 bits of an IPv6 address in its one spelling: what a provider gives to one customer. */
function networkOf (ipv6: string): string {
  const [before, after] = ipv6.split('::') as [string, string?]
  const groups = before.split(':')
  if (after !== undefined) {
    const left = before === '' ? [] : groups
    const right = after === '' ? [] : after.split(':')
    const zeros = new Array<string>(8 - left.length - right.length).fill('0')
    return [...left, ...zeros, ...right].slice(0, 4).join(':') + '::/64'
  }
  return groups.slice(0, 4).join(':') + '::/64'
}

/** An entry's address and prefix; a range of IPv4 that is wrapped into IPv6 is the range of IPv4. */
function unmapped (entry: string): [address: string, prefix: string | undefined] {
  const [given, prefix] = entry.split('/') as [string, string?]
  const address = isIP(given) === 6 ? shortened(given) : given
  const isMapped = isIP(given) === 6 && isIP(address) === 4
  if (!isMapped || prefix === undefined) return [address, prefix]
  return Number(prefix) >= mappedBits ? [address, String(Number(prefix) - mappedBits)] : [given, prefix]
}

function blockListOf (trustedProxies: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of trustedProxies) {
    const [address, prefix] = unmapped(entry)
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (entry === 'none' || entry === '') continue
    if (entry === 'loopback') {
      list.addSubnet('127.0.0.0', 8, 'ipv4')
      list.addAddress('::1', 'ipv6')
    } else if (isIP(address) !== 0 && prefix === undefined) {
      list.addAddress(address, family)
    } else if (isIP(address) !== 0 && /^\d{1,3}$/.test(prefix ?? '') && Number(prefix) <= (family === 'ipv6' ? 128 : 32)) {
      list.addSubnet(address, Number(prefix), family)
    } else {
      throw fail('GATEWAY_SETTING', { name: 'FIRN_TRUSTED_PROXIES', reason: `${JSON.stringify(entry)} is neither loopback, an address nor a range like 10.0.0.0/8` })
    }
  }
  return list
}
