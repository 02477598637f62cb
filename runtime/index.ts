// The front door of the ground under every service: settings, logs, metrics, HTTP defaults, the life of a process,
// and the supervisor. There is no domain word in this folder.

export { readConfig, settingsOf, settingsOfAll, flagOf, unknownSetting, type ConfigSource, type SettingSchema } from './config.ts'
export { describeSettings, settingRow } from './settings-table.ts'
export { defineErrors, FirnError, type ErrorEntry, type ErrorRegistry, type FolderErrors } from './firn-error.ts'
export { runtimeErrors } from './errors.ts'
export { createLogger, type Logger } from './logger.ts'
export { checkDataFolder, judgeDataFolder, markDataFolder, markFile, readMark, writeMark, type FolderJudgement, type FolderMark } from './data-folder.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { bucketsOf, hasMetric, parseMetrics, quantileBetween, readMetrics, sumOf, type Samples } from './metrics-text.ts'
export { freePort, freePorts, isFree } from './free-ports.ts'
export { identityOf, isRunning, type ProcessIdentity } from './process-identity.ts'
export { createHttpServer, listen, errorBody, type ErrorBody, type HttpServerOptions } from './http-server.ts'
export { runService, sentenceOf, type ServiceContext } from './service.ts'
export { linesOf, onLine } from './lines.ts'
export { readTime } from './read-time.ts'
export { until } from './until.ts'
export { supervise, type SupervisedService, type SuperviseOptions, type Supervision, type ServiceState } from './supervisor.ts'
