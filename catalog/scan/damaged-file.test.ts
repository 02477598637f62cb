import t from 'tap'
import { CatalogError } from '../errors.ts'
import type { LiveFile } from '../spec/data-file.ts'
import { namingDamaged } from './damaged-file.ts'

const files = ['a', 'b', 'c'].map(name => ({ location: `file:///t/${name}.parquet` })) as unknown as LiveFile[]
const failing = (name: string, error: Error) => async (some: readonly LiveFile[]): Promise<string> => {
  if (some.some(({ location }) => location.includes(`/${name}.`))) throw error
  return 'rows'
}

t.test('a file that cannot be read is named with its way back, whatever the engine says about it', async t => {
  for (const words of ['Invalid Error: TProtocolException: Negative size', 'IO Error: No files found that match the pattern "x"', 'Invalid Input Error: No magic bytes found at end of file\nLINE 1: …']) {
    await t.rejects(namingDamaged(files, failing('b', new Error(words))), { code: 'CATALOG_DATA_DAMAGED', message: /^file:\/\/\/t\/b\.parquet cannot be read as a data file \([^\n]*\): put the file back from a backup; or .*--without file:\/\/\/t\/b\.parquet/ })
  }
  t.equal(await namingDamaged(files, failing('none', new Error('IO Error'))), 'rows')
})

t.test('what the machine lacks, or the statement, is no file\'s fault', async t => {
  for (const words of ['Out of Memory Error: failed to allocate', 'INTERRUPT Error: Interrupted!', 'IO Error: No space left on device', 'FATAL Error: database has been invalidated', 'something of ours']) {
    await t.rejects(namingDamaged(files, failing('b', new Error(words))), { message: words })
  }
  const ours = new CatalogError('STORAGE_DENIED', {})
  await t.rejects(namingDamaged(files, failing('b', ours)), { code: 'STORAGE_DENIED' })
  const together = new Error('Binder Error: only together')
  await t.rejects(namingDamaged(files, async some => { if (some.length > 1) throw together }), together)
})
