// The forms of an answer, and which one a request asks for. Pure.

import { fail } from '../../errors.ts'

export type Format = 'json' | 'csv' | 'csv-raw' | 'arrow'

export const mediaTypes: Readonly<Record<Format, string>> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  'csv-raw': 'text/csv; charset=utf-8; header=present',
  arrow: 'application/vnd.apache.arrow.stream'
}

const formats = Object.keys(mediaTypes) as Format[]

/** What was asked for by name comes before what Accept says; without either it is JSON. Throws QUERY_FORMAT. */
export function chooseFormat (named: string | undefined, accept: string | undefined): Format {
  if (named !== undefined) return formats.find(format => format === named) ?? refuse(named)
  if (accept === undefined || accept.trim() === '') return 'json'
  const ranges = accept.split(',').map(range => {
    const [type = '', ...parameters] = range.split(';').map(part => part.trim().toLowerCase())
    const quality = Number(parameters.find(part => part.startsWith('q='))?.slice(2) ?? 1)
    return { type, quality: Number.isNaN(quality) ? 1 : quality }
  })
  const qualityOf = (format: Format): number => {
    const own = mediaTypes[format].split(';')[0]!
    const fits = [own, own.replace(/\/.*/, '/*'), '*/*'].map(type => ranges.find(range => range.type === type)).find(range => range !== undefined)
    return fits?.quality ?? 0
  }
  const best = formats.reduce((best, format) => qualityOf(format) > qualityOf(best) ? format : best)
  return qualityOf(best) > 0 ? best : refuse(accept)
}

function refuse (asked: string): never {
  throw fail('QUERY_FORMAT', { asked: asked.slice(0, 200) })
}
