/** The process's tracing, begun when this module is evaluated: src/main.ts imports it before all others. */
import { startTracing } from './tracing.ts'

// biome-ignore lint/style/noProcessEnv: before the configuration, whose modules import what is wrapped; the names are OpenTelemetry's
export const tracing = startTracing(process.env)
