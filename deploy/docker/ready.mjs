// The health check of a container: exit code 0 when the service at this port says that it is ready. Without arguments it
// asks the port that the environment gives to the service; a path and the status that is right there may follow the port.

const { FIRN_GATEWAY_PORT, FIRN_WRITER_PORT, FIRN_ANALYTICS_PORT } = process.env
const [port = FIRN_WRITER_PORT ?? FIRN_ANALYTICS_PORT ?? FIRN_GATEWAY_PORT ?? '8000', path = '/readyz', status = '200'] = process.argv.slice(2)
const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(3000) }).catch(() => undefined)
process.exit(answer?.status === Number(status) ? 0 : 1)
