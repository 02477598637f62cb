// What an operator may decide after a halt, in the words of the halt's sentence. Each choice is applied once, is recorded
// in the table, and loses nothing that the log still holds; what would lose something is refused when it is decided.

export type Choice = 'recorded' | 'data' | 'earliest' | 'skip'
/** What a sentence may name: `restore` is no decision by itself, it ends in one. */
export type Advice = Choice | 'restore'

export const choiceNames: readonly Choice[] = ['recorded', 'data', 'earliest', 'skip']

const sentences: Readonly<Record<Advice, string>> = {
  recorded: '`--writer-resume-from recorded` goes on at the recorded offsets and leaves the table as it is',
  data: '`--writer-resume-from data` goes on after the newest row of each partition that the table holds, so that rows which a rollback removed are written again',
  earliest: '`--writer-resume-from earliest` reads the whole log again; events that the table holds are not doubled',
  skip: '`--writer-resume-from skip` leaves these records out for good: they stay a known hole',
  restore: 'put the right log back, then `--writer-resume-from recorded`'
}

export function choices (...advice: readonly Advice[]): string {
  return advice.map(kind => sentences[kind]).join('; or ')
}
