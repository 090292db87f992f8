/** `npm run drill -- k8s`: every drill row that needs no kubelet, with the production timings, then the random sequences. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['drills/**/*.drill.ts'],
    environment: 'node',
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    // A command of ioredis' own handshake that times out rejects with nobody listening; what our calls return is awaited.
    onUnhandledError: ({ message }) => message !== 'Command timed out',
  },
})
