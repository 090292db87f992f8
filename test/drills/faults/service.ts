/** Faults of the service itself and of PostgreSQL. */
import { LOG_DELAY_VARIABLE, POINT_SIGNAL } from '../build/parts.ts'
import type { Environment } from '../environment.ts'
import { type Fault, type FaultContext, hold, INSTANCES } from './fault.ts'

const none: Fault = {
  name: 'none',
  title: 'no fault',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  run: ({ holdMs }) => hold(holdMs),
}

/** Makes the window wide that leases close: what is stored too late stands until the log is read, and that takes long. */
const slowFills: Fault = {
  name: 'slow-fills',
  title: 'no fault, but up to 150 ms between a load and its fill, and 200 ms and more until the log is known',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  restlessWriters: true,
  parts: ['slow-fills', 'slow-log'],
  env: { LOG_NOTIFY: 'off' },
  run: ({ holdMs }) => hold(holdMs),
}

/** @returns whether it died between commit and delete; false when no mutation came, and it was killed at some other time */
export async function crash({ fleet }: Environment, instance: number): Promise<boolean> {
  fleet.signal(instance, POINT_SIGNAL)
  const staged = await Promise.race([fleet.exited(instance).then(() => true), hold(10_000).then(() => false)])
  fleet.signal(instance, 'SIGKILL')
  await fleet.exited(instance)
  return staged
}

const crashAfterCommit: Fault = {
  name: 'crash-after-commit',
  title: 'kill -9 of an instance between commit and delete, each in turn',
  clientsMayNotice: 'instances-ending',
  parts: ['crash-point'],
  async run({ environment, mark }) {
    for (const instance of INSTANCES) {
      if (!(await crash(environment, instance))) throw new Error(`instance ${instance + 1} committed nothing`)
      mark(`instance ${instance + 1} crashed`)
      await hold(2000)
      await environment.fleet.start(instance)
    }
  },
}

const rollingRestart: Fault = {
  name: 'rolling-restart',
  title: 'rolling restart of the instances',
  clientsMayNotice: 'instances-ending',
  redisStaysHealthy: true,
  async run({ environment: { fleet }, mark }) {
    for (const instance of INSTANCES) {
      mark(`instance ${instance + 1} restarts`)
      await fleet.stop(instance)
      await fleet.start(instance)
      await hold(500)
    }
  },
}

/** Longer than a lease, a command and a statement may take, shorter than a request. */
const PAUSE_MS = 3000

async function pauseEach(
  { environment: { fleet }, mark }: FaultContext,
  signal: 'SIGSTOP' | typeof POINT_SIGNAL,
  around?: { before(instance: number): void; after(instance: number): void },
): Promise<void> {
  for (const instance of INSTANCES) {
    around?.before(instance)
    fleet.signal(instance, signal)
    try {
      await fleet.stopped(instance)
      mark(`instance ${instance + 1} stops`)
      await hold(PAUSE_MS)
    } finally {
      fleet.signal(instance, 'SIGCONT')
    }
    mark(`instance ${instance + 1} goes on`)
    await hold(PAUSE_MS / 2)
    around?.after(instance)
    await hold(PAUSE_MS / 2)
  }
}

const pauseInstance: Fault = {
  name: 'pause-instance',
  title: 'SIGSTOP and SIGCONT of an instance, each in turn: it does not know that time has passed',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  run: (context) => pauseEach(context, 'SIGSTOP'),
}

/**
 * The others neither delete nor fill meanwhile: the paused instance finds in Redis everything it knew. Reading the log
 * takes a while, because what was asked during the pause may be answered as of then: the judge needs a read that began
 * afterwards, and otherwise the log is known before that comes.
 */
const pauseUnheard: Fault = {
  name: 'pause-unheard',
  title: 'the same, while Redis hangs for the other instances: only the log could tell who stood still',
  clientsMayNotice: 'nothing',
  parts: ['slow-log'],
  env: { [LOG_DELAY_VARIABLE]: '100' },
  async run(context) {
    const others = (instance: number, kind: 'frozen' | 'pass') => {
      for (const other of INSTANCES) if (other !== instance) context.environment.redisProxies(other, { kind })
    }
    await pauseEach(context, 'SIGSTOP', {
      before: (instance) => others(instance, 'frozen'),
      after: (instance) => others(instance, 'pass'),
    })
  },
}

const pauseBeforeFill: Fault = {
  name: 'pause-before-fill',
  title: 'an instance stops between a load and its fill, each in turn',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  restlessWriters: true,
  parts: ['pause-point'],
  run: (context) => pauseEach(context, POINT_SIGNAL),
}

export async function cutListeners({ sql }: Environment): Promise<void> {
  await sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'portcullis' AND (query LIKE 'LISTEN%' OR query ~ 'invalidation_log l\\s+WHERE')`,
  ).catch(() => [])
}

const listenCut: Fault = {
  name: 'listen-cut',
  title: 'the connections that follow the log are cut, again and again, while Redis hangs for one instance',
  clientsMayNotice: 'nothing',
  async run({ environment, holdMs }) {
    // With Redis well nobody would notice at all: deletions alone keep every instance right.
    environment.redisProxies(0, { kind: 'frozen' })
    for (let leftMs = holdMs; leftMs > 0; leftMs -= 300) {
      await cutListeners(environment)
      await hold(300)
    }
    environment.redisProxies(0, { kind: 'pass' })
  },
}

const postgresRestart: Fault = {
  name: 'postgres-restart',
  title: 'PostgreSQL killed and started again: another incarnation',
  clientsMayNotice: 'database-away',
  async run({ environment: { stack }, holdMs, mark }) {
    await stack.kill('postgres')
    await hold(2000)
    mark('PostgreSQL starts')
    await stack.restart('postgres')
    await hold(holdMs)
  },
}

export const serviceFaults = [
  none,
  slowFills,
  crashAfterCommit,
  rollingRestart,
  pauseInstance,
  pauseUnheard,
  pauseBeforeFill,
  listenCut,
  postgresRestart,
]
