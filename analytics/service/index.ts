// The front door of the query service.

export { queryServiceSettings, type QueryServiceConfig } from './config.ts'
export { openQueryService, type QueryService, type QueryServiceOptions } from './service.ts'
