// Arrow IPC, as a stream of record batches.

import { fail } from '../../errors.ts'
import type { AnswerShape } from '../worker/protocol.ts'
import type { Form } from './answer-frames.ts'

export function arrowForm (_names: readonly string[], _types: readonly string[], _shape: AnswerShape): Form {
  throw fail('QUERY_FORMAT', { asked: 'arrow' })
}
