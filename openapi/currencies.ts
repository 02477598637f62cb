// Currencies in one form: the three letters of ISO 4217 in upper case. `eur` and `EUR ` are EUR; what is no code of the list
// is no currency, and is kept as it was sent. The writer brings a text into form by the same two steps, in SQL.
// The list: the codes in use (ISO 4217 list one), those withdrawn within ten years, and XXX (none) and XTS (for tests).
import { blanks } from './identities.ts'

const codes = `
  AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BYR BZD CAD CDF CHE CHF
  CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
  HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LTL LYD MAD MDL MGA
  MKD MMK MNT MOP MRO MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
  RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN
  UYI UYU UYW UZS VED VEF VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR
  ZMW ZWG ZWL`

export const currencyCodes: ReadonlySet<string> = new Set(codes.trim().split(/\s+/))
/** A code with blanks around it, its letters ASCII: no other letter becomes one in upper case. */
const form = new RegExp(`^[${blanks}]*([A-Za-z]{3})[${blanks}]*$`, 'u')

const isCode = new Uint8Array(26 ** 3)
for (const code of currencyCodes) isCode[[...code].reduce((place, letter) => place * 26 + letter.charCodeAt(0) - 0x41, 0)] = 1

/** Whether bytes[start, end) are a code as the list has it: a look that costs no string. */
export function isCurrencyCode (bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 3) return false
  const first = bytes[start]! - 0x41
  const second = bytes[start + 1]! - 0x41
  const third = bytes[start + 2]! - 0x41
  return isLetter(first) && isLetter(second) && isLetter(third) && isCode[(first * 26 + second) * 26 + third] === 1
}

function isLetter (place: number): boolean {
  return place >= 0 && place < 26
}

/** The code that a text stands for, or null. */
export function currencyOf (text: string): string | null {
  const code = currencyCodes.has(text) ? text : form.exec(text)?.[1]!.toUpperCase()
  return code !== undefined && currencyCodes.has(code) ? code : null
}
