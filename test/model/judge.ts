/**
 * Decides from the history alone. Every answer must equal the user's list in ONE published state (no New Enemy), not
 * newer than the read's end and not older than the newest change of his list that this reader may rely upon:
 * - P2: acknowledged before the read began, and no fault of the store from the mutation's begin to the read's end;
 * - P3: covered by the instance's position when the read began, or committed through this very instance;
 * - P3 with a token: the token's transaction, always.
 */
import type { Database } from './database.ts'
import type { Instance } from './instance.ts'
import { type Organisation, visibleTo } from './organisation.ts'

export interface MutationRecord {
  readonly instance: Instance
  readonly begunAt: number
  seq: number
  acknowledged: boolean
}

export interface Violation {
  readonly promise: 'P2' | 'P3' | 'P4'
  readonly what: string
}

export interface ReadRecord {
  readonly user: number
  /** What must be seen whatever the store does. */
  readonly atLeast: number
  /** What must be seen if the store has been well since the mutation began. */
  readonly whileHealthy: readonly MutationRecord[]
}

export interface Judge {
  begins(instance: Instance): MutationRecord
  commits(record: MutationRecord, seq: number): void
  acknowledges(record: MutationRecord): void
  readBegins(instance: Instance, user: number, tokenSeq: number): ReadRecord
  /** @param lastFaultAt when the store last misbehaved; the present while it does */
  readEnds(read: ReadRecord, answer: number, lastFaultAt: number): Violation | null
}

export function createJudge(db: Database, now: () => number): Judge {
  const mutations: MutationRecord[] = []
  const listAt = (seq: number, user: number) => visibleTo(db.states[seq] as Organisation, user)
  const changed = (seq: number, user: number) => seq > 0 && listAt(seq, user) !== listAt(seq - 1, user)

  function explains(answer: number, user: number, from: number): boolean {
    for (let seq = from; seq < db.states.length; seq++) if (listAt(seq, user) === answer) return true
    return false
  }

  return {
    begins(instance) {
      return { instance, begunAt: now(), seq: 0, acknowledged: false }
    },
    commits(record, seq) {
      record.seq = seq
      mutations.push(record)
    },
    acknowledges(record) {
      record.acknowledged = true
    },
    readBegins(instance, user, tokenSeq) {
      const acknowledged = mutations.filter((m) => m.acknowledged && changed(m.seq, user))
      const position = instance.position()
      const own = acknowledged.filter((m) => m.instance === instance)
      return {
        user,
        atLeast: Math.max(position.seq, tokenSeq, ...own.map(({ seq }) => seq)),
        // An instance that has not learned yet that the database was restored follows the old history: a fault like lag.
        whileHealthy: acknowledged.filter((m) => restoresSince(position.seq) === 0 || m.seq <= position.seq),
      }
    },
    readEnds({ user, atLeast, whileHealthy }, answer, lastFaultAt) {
      const promised = whileHealthy.filter(({ begunAt }) => begunAt > lastFaultAt)
      const from = Math.max(atLeast, ...promised.map(({ seq }) => seq))
      if (explains(answer, user, from)) return null
      const told = `user ${user} is told ${answer}; from state ${from} on the lists are ${db.states.slice(from).map((_, at) => listAt(from + at, user))}`
      if (!explains(answer, user, 0)) return { promise: 'P4', what: `${told}: no state ever was like that` }
      return { promise: explains(answer, user, atLeast) ? 'P2' : 'P3', what: `${told}: stale` }
    },
  }

  function restoresSince(seq: number): number {
    return db.restoredAt().filter((at) => at > seq).length
  }
}
