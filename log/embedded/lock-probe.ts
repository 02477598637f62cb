// A process of its own that opens the log in the folder it is given and ends. It takes the write lock on the way: whoever
// started it ends it when that takes too long.

import { join } from 'node:path'
import { Store, dataFile } from './store.ts'

const folder = process.argv[2]
if (folder === undefined) throw new Error(`usage: lock-probe FOLDER (with ${join('FOLDER', dataFile)})`)
await new Store(folder, 0).close()
