// `npm run servers:stop [names]`: the other half of main.ts.

process.argv.splice(2, 0, 'stop')
await import('./main.ts')
