// Settings that only commands read, and no service: known here so that a shell may hold them while services run.

export const commandSettings: readonly string[] = ['FIRN_SQL_MEMORY_MIB_MAX', 'FIRN_MODELS_MEMORY_MIB_MAX', 'FIRN_MODELS_SLOW_SECONDS', 'FIRN_QUERY_URL', 'FIRN_QUERY_PASSWORD', 'FIRN_QUERY_CA_FILE', 'FIRN_INGEST_WAIT_SECONDS_MAX', 'FIRN_INGEST_WATCH_MS', 'FIRN_JOBS_FILE', 'FIRN_JOBS_RETRY_DELAY_MS', 'FIRN_JOBS_WAIT_SECONDS_MAX', 'FIRN_JOBS_STILL_SECONDS_MAX']
