/**
 * The drill's own build of the service: the same program and the same wiring, with single parts replaced as modules
 * are resolved. Loaded with `--import`; nothing in `src` knows of it.
 */
import { registerHooks } from 'node:module'
import { has } from './parts.ts'

/** What the composition of the service imports, and what it gets here instead. */
const REPLACED: Readonly<Record<string, string>> = {
  '../cache/index.ts': './cache.ts',
  '../domain/layers.ts': './layers.ts',
  '../redis/index.ts': './redis.ts',
  '../postgres/invalidation-log.ts': './invalidation-log.ts',
}

registerHooks({
  resolve(specifier, context, nextResolve) {
    const replacement = /\/src\/composition\/[^/]+$/.test(context.parentURL ?? '') ? REPLACED[specifier] : undefined
    return replacement === undefined
      ? nextResolve(specifier, context)
      : nextResolve(new URL(replacement, import.meta.url).href, context)
  },
})

const WALL_AHEAD_MS = has('wall-ahead') ? 2000 : has('wall-behind') ? -2000 : 0

if (WALL_AHEAD_MS !== 0) {
  const real = Date.now
  Date.now = () => real() + WALL_AHEAD_MS
}
