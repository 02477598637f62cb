// npm run import -- FILE…: history into the log, like ingest but without a bound on the age of events.

import { importCommand } from './command.ts'

await importCommand()
