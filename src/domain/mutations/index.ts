/** Every mutation reads as its correctness: its locks, its subject, what it makes stale, what it writes. */
export * from './grants.ts'
export * from './groups.ts'
export * from './import.ts'
export * from './memberships.ts'
export * from './resources.ts'
export * from './scim.ts'
export * from './users.ts'
