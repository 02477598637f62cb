// The health check of a container: exit code 0 when the service at this port says that it is ready.

const answer = await fetch(`http://127.0.0.1:${process.argv[2]}/readyz`, { signal: AbortSignal.timeout(3000) }).catch(() => undefined)
process.exit(answer?.ok === true ? 0 : 1)
