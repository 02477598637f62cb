// Lengths of time for people: two digits are enough. Pure.

const steps = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1000]] as const

export function durationOf (ms: number): string {
  const [unit, length] = steps.find(([, length]) => ms >= length) ?? ['ms', 1]
  const count = ms / length
  return `${unit === 'ms' || count >= 10 ? Math.round(count) : Math.round(count * 10) / 10} ${unit}`
}

export function agoOf (ms: number): string {
  return `${durationOf(Math.max(0, ms))} ago`
}
