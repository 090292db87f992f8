/** The door of the HTTP layer: what the process needs to serve the domain. */
export { createApp, createMetricsApp } from './app.ts'
export { createAuthentication } from './authentication.ts'
export { createRateLimits } from './rate-limits.ts'
export type { Health } from './routes/health.ts'
export { closeServer, createServer, hostAndPort, listen, stopKeepingAlive } from './server.ts'
export { redeemFrom } from './sign-in-code.ts'
export { createTickets } from './tickets.ts'
export { fileKeys, remoteKeys, type VerificationKeys } from './verification-keys.ts'
