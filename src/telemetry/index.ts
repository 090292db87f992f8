/** The door to logging and metrics. */
export { createLogger, type Logger, REDACT_TOP_LEVEL } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export type { HttpSink } from './sinks.ts'
export type { Tracing } from './tracing.ts'
