/** The door to logging and metrics. */
export { createLogger, type Logger, readyLines } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export type { HttpSink } from './sinks.ts'
