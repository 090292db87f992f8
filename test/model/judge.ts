/**
 * Decides from the history alone. Every answer must be right in ONE published state (no New Enemy), not newer than the
 * read's end and not older than the newest change of it that this reader may rely upon:
 * - P2: acknowledged before the read began, and no fault of the store from the mutation's begin to the read's end;
 * - P3: covered by the instance's position when the read began, or committed through this very instance, or committed
 *   longer ago than the bound for which an instance trusts what it knows;
 * - P3 with a token: the token's transaction, always;
 * - P12: committed before the read began, where the read found the store away.
 * And right at ONE instant of the database's clock, from the read's begin to its end.
 */
import type { Database } from './database.ts'
import { LAST_TICK } from './ends.ts'
import type { Instance } from './instance.ts'
import type { Organisation } from './organisation.ts'
import { answerIn, type Question } from './question.ts'

export interface MutationRecord {
  readonly instance: Instance
  readonly begunAt: number
  seq: number
  committedAt: number
  acknowledged: boolean
}

export interface Violation {
  readonly promise: 'P2' | 'P3' | 'P4' | 'P12' | 'end'
  readonly what: string
}

export interface ReadRecord {
  readonly question: Question
  /** The newest state when it began. */
  readonly published: number
  /** What must be seen whatever the store does. */
  readonly atLeast: number
  /** What must be seen if the store has been well since the mutation began. */
  readonly whileHealthy: readonly MutationRecord[]
  /** What the database's clock showed when it began. */
  readonly clock: number
}

export interface ReadEnd {
  readonly answer: number
  /** Whether the read was told that the store is away. */
  readonly storeWasAway: boolean
  /** When the store last misbehaved; the present while it does. */
  readonly lastFaultAt: number
}

export interface JudgeOptions {
  readonly db: Database
  readonly now: () => number
  /** For how long an instance trusts what it knows, in steps. */
  readonly trustSteps: number
}

export interface Judge {
  begins(instance: Instance): MutationRecord
  commits(record: MutationRecord, seq: number): void
  acknowledges(record: MutationRecord): void
  readBegins(instance: Instance, question: Question, tokenSeq: number): ReadRecord
  readEnds(read: ReadRecord, end: ReadEnd): Violation | null
}

export function createJudge({ db, now, trustSteps }: JudgeOptions): Judge {
  const mutations: MutationRecord[] = []
  const answerAt = (seq: number, question: Question, clock: number) =>
    answerIn(db.states[seq] as Organisation, question, clock)

  /** Then, or later: a prolongation is noticed at the former end. */
  function changed(seq: number, question: Question): boolean {
    if (seq === 0) return false
    for (let clock = db.clockAt(seq); clock <= LAST_TICK + 1; clock++)
      if (answerAt(seq, question, clock) !== answerAt(seq - 1, question, clock)) return true
    return false
  }

  /** Some state from that one on, at some instant from that one on, and not before the state was there. */
  function explains(answer: number, question: Question, { seq: from, clock }: { seq: number; clock: number }): boolean {
    for (let seq = from; seq < db.states.length; seq++)
      for (let at = Math.max(clock, db.clockAt(seq)); at <= db.clock(); at++)
        if (answerAt(seq, question, at) === answer) return true
    return false
  }

  return {
    begins(instance) {
      return { instance, begunAt: now(), seq: 0, committedAt: 0, acknowledged: false }
    },
    commits(record, seq) {
      record.seq = seq
      record.committedAt = now()
      mutations.push(record)
    },
    acknowledges(record) {
      record.acknowledged = true
    },
    readBegins(instance, question, tokenSeq) {
      const acknowledged = mutations.filter((m) => m.acknowledged && changed(m.seq, question))
      const position = instance.position()
      const own = acknowledged.filter((m) => m.instance === instance)
      const longAgo = mutations.filter(({ committedAt }) => committedAt < now() - trustSteps)
      return {
        question,
        clock: db.clock(),
        published: db.states.length - 1,
        atLeast: Math.max(position.seq, tokenSeq, ...[...own, ...longAgo].map(({ seq }) => seq)),
        // An instance that has not learned yet that the database was restored follows the old history: a fault like lag.
        whileHealthy: acknowledged.filter((m) => restoresSince(position.seq) === 0 || m.seq <= position.seq),
      }
    },
    readEnds({ question, published, atLeast, whileHealthy, clock }, { answer, storeWasAway, lastFaultAt }) {
      const promised = whileHealthy.filter(({ begunAt }) => begunAt > lastFaultAt)
      const from = Math.max(atLeast, storeWasAway ? published : 0, ...promised.map(({ seq }) => seq))
      if (explains(answer, question, { seq: from, clock })) return null
      const answers = db.states.slice(from).map((_, at) => answerAt(from + at, question, db.clock()))
      const told = `${JSON.stringify(question)} is answered ${answer}; from state ${from} on it is ${answers}`
      if (!explains(answer, question, { seq: 0, clock: 0 }))
        return { promise: 'P4', what: `${told}: no state ever was like that` }
      if (explains(answer, question, { seq: from, clock: 0 })) return { promise: 'end', what: `${told}: ended` }
      const promise = !explains(answer, question, { seq: atLeast, clock }) ? 'P3' : storeWasAway ? 'P12' : 'P2'
      return { promise, what: `${told}: stale` }
    },
  }

  function restoresSince(seq: number): number {
    return db.restoredAt().filter((at) => at > seq).length
  }
}
