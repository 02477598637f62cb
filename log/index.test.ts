import t from 'tap'
import { pathToFileURL } from 'node:url'
import { openLog } from './index.ts'
import { networkFileSystemOf } from './embedded/folder.ts'

t.test('a URL that names no backend is refused with those that are supported', async t => {
  for (const url of ['kafka://', 'kafka://localhost', 'kafka://user:secret@localhost:9092', 'kafkas://localhost:9092', 'http://127.0.0.1/', 'data/log', '', 'file://host/share']) {
    await t.rejects(openLog(url), { code: 'LOG_URL_UNSUPPORTED', message: /supported are file:\/\/\/.*kafka:\/\// }, url)
  }
})

t.test('a password in an address is not shown', async t => {
  t.notMatch(String(await openLog('kafka://user:top-secret@localhost:9092').catch((error: unknown) => error)), /top-secret/)
})

t.test('a folder that cannot be made or written gets one sentence', async t => {
  const folder = t.testdir({ file: 'not a folder' })
  await t.rejects(openLog(pathToFileURL(`${folder}/file/log`).href), { code: 'LOG_UNWRITABLE', message: /file\/log cannot be used .*FIRN_LOG_URL/ })
})

t.test('network file systems are known by their type', async t => {
  t.equal(networkFileSystemOf(0x6969), 'NFS')
  t.equal(networkFileSystemOf(0xff534d42), 'CIFS')
  t.equal(networkFileSystemOf(0xff534d42 | 0), 'CIFS', 'also when the type comes as a signed number')
  t.equal(networkFileSystemOf(0x65735546), 'a FUSE mount')
  t.equal(networkFileSystemOf(0xef53), null, 'ext4')
  t.equal(networkFileSystemOf(0x01021994), null, 'tmpfs')
  t.equal(networkFileSystemOf(0x794c7630), null, 'overlayfs, as in a container')
})
