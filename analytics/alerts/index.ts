// The front door of alerts: what is told, to whom, and that it is told once.

export type { Alert, AlertKind, AlertQuery, Severity } from './alert.ts'
export { openAlerts, type Alerts, type AlertsOptions, type Covered, type SendConfig } from './alerts.ts'
export { alertSettings, type AlertConfig } from './config.ts'
export { followFraudAlerts, type FollowFraudOptions, type FraudFollower } from './follow-fraud.ts'
export { watchPipeline, type PipelineWatch, type WatchOptions } from './watch-pipeline.ts'
export { instancesOf } from './instances.ts'
export { followQuality, type FollowQualityOptions, type QualityFollower } from './follow-quality.ts'
