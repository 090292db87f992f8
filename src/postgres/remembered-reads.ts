/**
 * Within a transaction the same questions are asked again and again: what an invalidation rule needs to know before the
 * write, the audit log and the write itself need too. An answer holds until the transaction writes what it is about or
 * takes a lock; after a lock everything is asked anew, because who held it before may have changed what was read.
 */
import type { Transaction } from '../domain/transaction.ts'

/** What only reads, by the part of the transaction it belongs to. All else counts as a write or a lock, and is awaited. */
const READS = {
  users: ['find'],
  groups: ['find', 'lineage', 'height'],
  memberships: ['find'],
  resources: ['find', 'idsOf'],
  grants: ['find', 'groupsOf', 'holdersOf', 'resourcesOf'],
  affected: ['canName', 'membersBelow', 'subtree'],
} as const satisfies { [Part in keyof Transaction]?: readonly (keyof Transaction[Part])[] }

/** The parts whose answers a write changes, where it is certain that it leaves the others as they are; all else changes all. */
const CHANGES: Readonly<Record<string, readonly (keyof typeof READS)[]>> = {
  'resources.update': ['resources'],
  'memberships.put': ['memberships', 'affected', 'grants'],
  'memberships.remove': ['memberships', 'affected', 'grants'],
  'grants.put': ['grants'],
  'grants.remove': ['grants'],
}

type Method = (...values: unknown[]) => unknown

export function rememberReads(transaction: Transaction): Transaction {
  const answers = new Map<string, Map<string, unknown>>()

  function answersOf(part: string): Map<string, unknown> {
    const known = answers.get(part)
    if (known) return known
    const none = new Map<string, unknown>()
    answers.set(part, none)
    return none
  }

  function forget(changed: readonly string[] | undefined): void {
    for (const part of changed ?? answers.keys()) answersOf(part).clear()
  }

  function forgetting(method: Method, changed?: readonly string[]): Method {
    return async (...values) => {
      forget(changed)
      try {
        return await method(...values)
      } finally {
        forget(changed)
      }
    }
  }

  function remembering(part: string, name: string, method: Method): Method {
    return (...values) => {
      const known = answersOf(part)
      const question = JSON.stringify([name, ...values])
      if (!known.has(question)) known.set(question, method(...values))
      return known.get(question)
    }
  }

  function wrapped(part: string, methods: unknown): unknown {
    if (typeof methods === 'function') return forgetting(methods as Method)
    const reads: readonly string[] = READS[part as keyof typeof READS] ?? []
    const each = Object.entries(methods as Record<string, Method>).map(([name, method]) => [
      name,
      reads.includes(name) ? remembering(part, name, method) : forgetting(method, CHANGES[`${part}.${name}`]),
    ])
    return Object.fromEntries(each)
  }

  const parts = Object.entries(transaction).map(([part, methods]) => [part, wrapped(part, methods)])
  return Object.fromEntries(parts) as unknown as Transaction
}
