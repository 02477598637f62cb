// The address that an event came from. X-Forwarded-For is believed only when the peer is a trusted proxy, and then read
// from the right: the first address that is no trusted proxy itself. Whatever is not an address is not believed.

import { BlockList, isIP } from 'node:net'
import { fail } from './errors.ts'

export type ClientAddress = (peer: string | undefined, forwardedFor: string | string[] | undefined) => string | null

const hopsMax = 32
const peersKept = 10_000

/** Makes the reader for a list of trusted proxies: `loopback`, addresses, CIDR ranges, `none`. Throws GATEWAY_SETTING. */
export function readClientAddresses (trustedProxies: readonly string[]): ClientAddress {
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
  return (peer, forwardedFor) => {
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
}

/** One spelling for an address: no brackets, no port, no zone, IPv4 not wrapped into IPv6. Null for anything else. */
function addressOf (text: string): string | null {
  let address = text.trim()
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(address)
  if (bracketed !== null) address = bracketed[1] as string
  else if (/^\d+\.\d+\.\d+\.\d+:\d+$/.test(address)) address = address.slice(0, address.indexOf(':'))
  if (address.startsWith('::ffff:') && isIP(address.slice(7)) === 4) address = address.slice(7)
  const zone = address.indexOf('%')
  if (zone >= 0) address = address.slice(0, zone)
  return isIP(address) === 0 ? null : address
}

function blockListOf (trustedProxies: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of trustedProxies) {
    const [address, prefix] = entry.split('/') as [string, string?]
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
