/** Preloaded into each program: ends it in an orderly way when the bootstrap that started it was killed. */
import { isMainThread } from 'node:worker_threads'
import { watchAncestors } from './ancestors.mjs'

const GRACE_MS = 20_000

if (isMainThread) {
  watchAncestors(() => {
    setTimeout(() => process.exit(143), GRACE_MS).unref()
    process.kill(process.pid, 'SIGTERM')
  })
}
