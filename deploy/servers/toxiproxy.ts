// toxiproxy: a TCP proxy that cuts, delays and truncates on command (HTTP API at its address), between us and a server.

import { buildGo } from './downloads.ts'
import { answers, type Server } from './server.ts'

export const toxiproxy: Server = {
  ports: 1,
  prepare: async () => { await buildGo('toxiproxy') },
  async describe ({ port }) {
    const url = `http://127.0.0.1:${port}`
    return {
      url,
      command: await buildGo('toxiproxy'),
      args: ['-host', '127.0.0.1', '-port', String(port)],
      env: {},
      testEnv: { TEST_TOXIPROXY: url },
      ready: async () => await answers(`${url}/version`)
    }
  }
}
