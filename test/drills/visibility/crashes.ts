/**
 * SIGKILL between commit and delete, with a real process each time: the log alone tells the others, and how soon is
 * measured on each of them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { BUILD_VARIABLE, type Part, POINT_SIGNAL } from '../build/parts.ts'
import { asRoot, createTeam, named, type Pair, seenBy } from './instances.ts'

const writer = fileURLToPath(new URL('./crashing-writer.ts', import.meta.url))
const preload = new URL('../build/preload.ts', import.meta.url).href
const CRASH: Part = 'crash-point'

export interface CrashesReport {
  readonly kills: number
  /** On each instance, how long after the end of the process was noticed the old list was still served, in milliseconds, ascending. */
  readonly staleMs: readonly number[]
  readonly wrong: readonly string[]
}

export interface CrashesOptions {
  readonly name: string
  readonly kills: number
  /** The environment that the writers are configured by; the same as the instances'. */
  readonly environment: NodeJS.ProcessEnv
  /** Writers that start while one is killed. */
  readonly ahead: number
  /** What P3 allows, in milliseconds. */
  readonly boundMs: number
  readonly onKill?: (done: number) => void
}

export async function crashWriters(instances: Pair, options: CrashesOptions): Promise<CrashesReport> {
  const group = `${options.name}/team`
  const user = `${options.name}.ann`
  const plan = `${options.name}/plan`
  await createTeam(instances[0], { group, members: [user], resources: [plan] })
  const staleMs: number[] = []
  const wrong: string[] = []
  const ready: Promise<ChildProcess>[] = []
  let started = 0

  function keepReady(): void {
    while (started < options.kills && ready.length < options.ahead) {
      started++
      ready.push(startWriter(options.environment))
    }
  }

  for (let kill = 0; kill < options.kills; kill++) {
    keepReady()
    const child = await ready.shift()
    if (!child) throw new Error('no writer was started')
    for (const instance of instances) await seenBy(instance, user)
    const order = kill % 2 === 0 ? { kind: 'leave', group, user } : { kind: 'revoke', group, resource: plan }
    await killedBy(child, order)
    const killedMs = performance.now()
    await Promise.all(
      instances.map(async (instance, index) => {
        let lastStaleMs = 0
        for (let left = await seenBy(instance, user); left.length > 0; left = await seenBy(instance, user)) {
          lastStaleMs = performance.now() - killedMs
          if (lastStaleMs < options.boundMs) continue
          wrong.push(`kill ${kill}: instance ${index + 1} still shows ${left} after ${lastStaleMs.toFixed(0)} ms`)
          break
        }
        staleMs.push(lastStaleMs)
      }),
    )
    if ((await seenBy(instances[0], user, { bypass: true })).length > 0) wrong.push(`kill ${kill}: not committed`)
    const { mutations } = instances[0].portcullis
    if (order.kind === 'leave')
      await mutations.addUserToGroup({ group: named(group), userId: user as never, role: 'member' }, asRoot)
    else await mutations.putGrant({ group: named(group), resource: named(plan), permission: 'read' }, asRoot)
    options.onKill?.(kill + 1)
  }
  return { kills: options.kills, staleMs: staleMs.sort((a, b) => a - b), wrong }
}

/** Resolves when it has joined the fleet and waits for its order. */
async function startWriter(environment: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', preload, writer], {
    env: { ...process.env, ...environment, [BUILD_VARIABLE]: CRASH },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('exit', (code, signal) => reject(new Error(`a writer ended before its order: ${code ?? signal}`)))
  })
  return child
}

/** @throws when it ended in any other way than between commit and delete */
async function killedBy(child: ChildProcess, order: object): Promise<void> {
  const ended = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(String(signal ?? code))))
  child.kill(POINT_SIGNAL)
  child.stdin?.write(`${JSON.stringify(order)}\n`)
  const how = await ended
  if (how !== 'SIGKILL') throw new Error(`a writer ended with ${how}, not between commit and delete`)
}
