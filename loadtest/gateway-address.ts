// Where the gateway of the line is reached, and with which key: the settings by which it listens, as every command reads them.

import { gatewaySettings } from '../gateway/config.ts'

const { FIRN_GATEWAY_HOST, FIRN_GATEWAY_PORT, FIRN_GATEWAY_WRITE_KEYS } = gatewaySettings.properties

export const gatewayAddress = { FIRN_GATEWAY_HOST, FIRN_GATEWAY_PORT, FIRN_GATEWAY_WRITE_KEYS }

/** One that listens on every address is reached on this machine by the loopback one. */
export function gatewayUrl ({ FIRN_GATEWAY_HOST: host, FIRN_GATEWAY_PORT: port }: { FIRN_GATEWAY_HOST: string, FIRN_GATEWAY_PORT: number }): string {
  const reached = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`
}
