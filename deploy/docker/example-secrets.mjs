// Refuses to let anything start on secrets that everybody knows: the values of env.example. Runs before every other
// container, which waits for it to end well. Says the variable and what to do, never a value.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const mark = 'change-me'

/** The variables whose values are, or contain, what the example file says. */
export function exampleSecrets (env, exampleText) {
  const examples = exampleText.split('\n')
    .filter(line => /^[A-Z]/.test(line))
    .map(line => line.split(/=(.*)/s))
    .filter(([, value]) => value.includes(mark))
  return Object.entries(env)
    .filter(([name]) => examples.some(([known]) => known === name))
    .filter(([, value]) => value === '' || value.includes(mark) || examples.some(([, example]) => value === example))
    .map(([name]) => name)
    .sort()
}

if (import.meta.main) {
  const names = exampleSecrets(process.env, readFileSync(join(import.meta.dirname, 'env.example'), 'utf8'))
  if (names.length > 0) {
    process.stderr.write(`${names.join(', ')}: still what env.example says, which everybody knows. Nothing starts on it: put values of your own into .env (openssl rand -hex 24 makes one)\n`)
    process.exit(1)
  }
}
