/**
 * Within a transaction the same questions are asked again and again: what an invalidation rule needs to know before the
 * write, the audit log and the write itself need too. An answer holds until the transaction next writes or takes a lock;
 * after a lock everything is asked anew, because who held it before may have changed what was read.
 */
import type { Transaction } from '../domain/transaction.ts'

/** What only reads, by the part of the transaction it belongs to. All else counts as a write or a lock, and is awaited. */
const READS = {
  users: ['find'],
  groups: ['find', 'lineage', 'height'],
  memberships: ['find'],
  resources: ['find', 'idsOf'],
  grants: ['find', 'groupsOf', 'resourcesOf'],
  affected: ['canName', 'membersBelow', 'subtree'],
} as const satisfies { [Part in keyof Transaction]?: readonly (keyof Transaction[Part])[] }

type Method = (...values: unknown[]) => unknown

export function rememberReads(transaction: Transaction): Transaction {
  let answers = new Map<string, unknown>()

  function forgetting(method: Method): Method {
    return async (...values) => {
      answers = new Map()
      try {
        return await method(...values)
      } finally {
        answers = new Map()
      }
    }
  }

  function remembering(name: string, method: Method): Method {
    return (...values) => {
      const question = JSON.stringify([name, ...values])
      if (!answers.has(question)) answers.set(question, method(...values))
      return answers.get(question)
    }
  }

  function wrapped(part: string, methods: unknown): unknown {
    if (typeof methods === 'function') return forgetting(methods as Method)
    const reads: readonly string[] = READS[part as keyof typeof READS] ?? []
    const each = Object.entries(methods as Record<string, Method>).map(([name, method]) => [
      name,
      reads.includes(name) ? remembering(`${part}.${name}`, method) : forgetting(method),
    ])
    return Object.fromEntries(each)
  }

  const parts = Object.entries(transaction).map(([part, methods]) => [part, wrapped(part, methods)])
  return Object.fromEntries(parts) as unknown as Transaction
}
