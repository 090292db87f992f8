/** The application over a small world, with a reader and an administrator; and the tags that proxies make of its own. */
import { beforeAll } from 'vitest'
import { createTestApp, type TestApp } from '../../test/support/app.ts'

export let test: TestApp
export let uma: string
export let adam: string
beforeAll(async () => {
  test = await createTestApp()
  uma = await test.bearer('uma')
  adam = await test.bearer('adam', { roles: ['admin', 'cache-admin'] })
})

export const as = (who: string) => ({ authorization: who })
/** What proxies that compress make of a tag: nginx and Cloudflare, Apache and Caddy, Jetty, all at once. */
export const compressed = (etag: string) => [
  `W/${etag}`,
  ...['-gzip', '-br', '-zstd', '--gzip'].map((coding) => `${etag.slice(0, -1)}${coding}"`),
  `W/${etag.slice(0, -1)}-gzip"`,
]
