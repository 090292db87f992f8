/**
 * The drill's build of the shop: the program as it is, whose imports of the package lead to the wrappers beside this file.
 * Loaded with `--import`; the wrappers' own imports of the package lead to the packed one.
 */
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

const shop = pathToFileURL(process.argv[1] ?? '').href
const WRAPPED: Readonly<Record<string, string>> = {
  'portcullis-cache': './cache.ts',
  'portcullis-cache/redis': './redis.ts',
  'portcullis-cache/postgres': './postgres.ts',
}
const OWN_DOOR = /\/src\/package\/(\w+)\.ts$/

registerHooks({
  resolve(specifier, context, nextResolve) {
    const wrapper = context.parentURL === shop ? WRAPPED[specifier] : undefined
    if (wrapper) return nextResolve(new URL(wrapper, import.meta.url).href, context)
    const door = context.parentURL?.includes('/test/drills/package/') ? OWN_DOOR.exec(specifier)?.[1] : undefined
    if (!door) return nextResolve(specifier, context)
    const packed = door === 'index' ? 'portcullis-cache' : `portcullis-cache/${door}`
    return nextResolve(packed, { ...context, parentURL: shop })
  },
})
