// npm run ingest -- DIR [--watch]: folders of JSON, NDJSON and CSV files into the log, each line once across restarts.

import { ingestCommand } from './command.ts'

await ingestCommand()
