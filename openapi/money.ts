// Money read from its text, digit by digit: `-?(0|[1-9]\d{0,15})(\.\d{1,2})?`, the same for a JSON number and a JSON
// string. An exponent, a plus sign or leading zeros are refused; a third decimal too, unless the operator lets it be rounded.
// Keeps: 15 or fewer digits survive a reader that goes through a double; more than that must travel as a string.

export const moneyRule = 'a decimal with at most 2 decimals and 16 digits before the point, without exponent'

const digitsSafeMax = 15

/** -1: not money; 0: money; 1: money, but with so many digits that as a JSON number it must be quoted. */
export function readMoney (bytes: Uint8Array, start: number, end: number): -1 | 0 | 1 {
  let at = start
  if (bytes[at] === 0x2d) at++
  const first = at
  while (at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++
  const integerDigits = at - first
  if (integerDigits === 0 || integerDigits > 16) return -1
  if (integerDigits > 1 && bytes[first] === 0x30) return -1
  if (at === end) return integerDigits > digitsSafeMax ? 1 : 0
  if (bytes[at] !== 0x2e) return -1
  const point = at++
  while (at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++
  const decimals = at - point - 1
  if (at !== end || decimals === 0 || decimals > 2) return -1
  return integerDigits + decimals > digitsSafeMax ? 1 : 0
}

/** Money with more than two decimals as money with two, half away from zero, so that a refund is what was paid; null where it is none. */
export function roundMoney (text: string): string | null {
  const [, sign, whole, decimals] = /^(-?)(0|[1-9]\d{0,15})\.(\d{3,64})$/.exec(text) ?? []
  if (decimals === undefined) return null
  const hundredths = BigInt(`${whole}${decimals.slice(0, 2)}`) + (decimals[2]! >= '5' ? 1n : 0n)
  if (hundredths >= 10n ** 18n) return null
  const digits = String(hundredths).padStart(3, '0')
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** quantity × unit price as hundredths, exactly; null when it does not fit decimal(18, 2). */
export function multiplyMoney (quantity: number, unitPrice: string): bigint | null {
  const [whole, decimals = ''] = unitPrice.replace('-', '').split('.')
  const hundredths = BigInt(`${whole}${decimals.padEnd(2, '0')}`) * (unitPrice.startsWith('-') ? -1n : 1n)
  const product = hundredths * BigInt(quantity)
  return product < 10n ** 18n && product > -(10n ** 18n) ? product : null
}
