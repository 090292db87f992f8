/** The door of the HTTP layer: what the process needs to serve the domain. */
export { type AppDependencies, createApp, createMetricsApp } from './app.ts'
export { type Authentication, createAuthentication } from './authentication.ts'
export type { Health } from './routes/health.ts'
export { closeServer, createServer, listen, stopKeepingAlive } from './server.ts'
export { fileKeys, remoteKeys } from './verification-keys.ts'
