/** Names and passwords that may change: read again for each new connection. */
import type { Redis } from 'ioredis'

/** A fixed value, or a function that returns the present one. It must not throw. */
export type Credential = string | (() => string)

export function present(credential: Credential | undefined): string | undefined {
  return typeof credential === 'function' ? credential() : credential
}

/** ioredis copies its options when it is created, and reads the copy for each connection. */
export function keepPresent(redis: Redis, credentials: Readonly<Record<string, Credential | undefined>>): void {
  for (const [name, credential] of Object.entries(credentials))
    if (typeof credential === 'function')
      Object.defineProperty(redis.options, name, { get: credential, enumerable: true, configurable: true })
}
