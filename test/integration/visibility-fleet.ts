/** Two instances of the composed service over one database and one Redis, asked side by side. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { MutationContext, Portcullis } from '../../src/domain/api.ts'
import type { UserId } from '../../src/domain/model.ts'
import { asRoot, newPrefix, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

export interface VisibilityFleet {
  readonly databaseUrl: string
  readonly instances: readonly [Service, Service]
  /** Mutations go through the first instance unless a test says otherwise. */
  readonly mutations: Portcullis['mutations']
  readonly reads: Portcullis['reads']
  /** Fills both instances' entries of these users, and proves that they are served from the cache then. */
  warm(...users: string[]): Promise<void>
  /** Both instances, and PostgreSQL, answer exactly this: `name=permission`, in order. */
  expectSeen(user: string, expected: readonly string[]): Promise<void>
  close(): Promise<void>
}

export async function startVisibilityFleet(): Promise<VisibilityFleet> {
  const databaseUrl = await freshDatabase()
  const prefix = newPrefix()
  // Cursors of one instance are followed on the other.
  const environment = { CURSOR_SECRET: randomBytes(32).toString('hex') }
  const start = () => startService({ databaseUrl, prefix, environment: { ...PATIENT, ...environment } })
  const instances = [await start(), await start()] as const
  const named = (items: readonly { name: string; permission: string }[]) =>
    items.map(({ name, permission }) => `${name}=${permission}`)

  return {
    databaseUrl,
    instances,
    mutations: instances[0].portcullis.mutations,
    reads: instances[0].portcullis.reads,
    async warm(...users) {
      for (const user of users) {
        for (const instance of instances) await instance.visible(user)
        for (const { portcullis } of instances) {
          const { cache } = await portcullis.reads.visibleResources(user as UserId, { limit: 50 }, {})
          expect(cache.kind, user).toBe('hit')
        }
      }
    },
    async expectSeen(user, expected) {
      for (const instance of instances) expect(named(await instance.visible(user)), user).toEqual(expected)
      expect(named(await instances[0].truth(user)), user).toEqual(expected)
    },
    async close() {
      for (const instance of instances) await instance.close()
      await dropDatabase(databaseUrl)
    },
  }
}

export const user = (id: string) => id as UserId
export const named = (name: string) => ({ name })
export const retried = (key: string): MutationContext => ({ ...asRoot, idempotency: { key, fingerprint: key } })
export { asRoot }
