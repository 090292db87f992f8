/**
 * SIGKILL between commit and delete, with a real process each time: the log alone tells the others, and how soon is
 * measured on each of them. Lanes with organisations of their own kill side by side, and who is killed next starts
 * meanwhile.
 */
import { asRoot, createTeam, type Instance, named, type Pair, seenBy } from './instances.ts'
import { createWriterStarter, type Order, type StartWriter } from './writers.ts'

export interface CrashesReport {
  readonly kills: number
  /** On each instance, how long after the end of the process was noticed the old list was still served, in milliseconds, ascending. */
  readonly staleMs: readonly number[]
  readonly wrong: readonly string[]
}

export interface CrashesOptions {
  readonly name: string
  readonly kills: number
  readonly lanes: number
  /** The environment that the writers are configured by; the same as the instances'. */
  readonly environment: NodeJS.ProcessEnv
  /** What P3 allows, in milliseconds. */
  readonly boundMs: number
  readonly onKill?: (report: CrashesReport) => void
}

export async function crashWriters(instances: Pair, options: CrashesOptions): Promise<CrashesReport> {
  const staleMs: number[] = []
  const wrong: string[] = []
  const writers = await createWriterStarter(options.environment)
  let [begun, done] = [0, 0]

  async function lane(number: number): Promise<void> {
    const name = `${options.name}/${number}`
    const team = { group: `${name}/team`, user: `${options.name}.ann-${number}`, plan: `${name}/plan` }
    await createTeam(instances[0], { group: team.group, members: [team.user], resources: [team.plan] })
    let next = writers.start()
    while (begun < options.kills) {
      const kill = begun++
      const writer = await next
      if (begun < options.kills) next = writers.start()
      const found = await killOnce(instances, { kill, team, writer, boundMs: options.boundMs })
      staleMs.push(...found.staleMs)
      wrong.push(...found.wrong)
      done++
      options.onKill?.(report())
    }
    // Another lane may have taken the last one.
    await (await next).dismiss()
  }

  function report(): CrashesReport {
    return { kills: done, staleMs: staleMs.toSorted((a, b) => a - b), wrong }
  }

  try {
    await Promise.all(Array.from({ length: options.lanes }, (_, number) => lane(number)))
  } finally {
    await writers.close()
  }
  return report()
}

interface Kill {
  readonly kill: number
  readonly team: { readonly group: string; readonly user: string; readonly plan: string }
  readonly writer: Awaited<ReturnType<StartWriter>>
  readonly boundMs: number
}

async function killOnce(instances: Pair, { kill, team, writer, boundMs }: Kill) {
  const { group, user, plan } = team
  const wrong: string[] = []
  for (const instance of instances)
    if ((await seenBy(instance, user)).length === 0) wrong.push(`kill ${kill}: nothing was there to be revoked`)
  const order: Order = kill % 2 === 0 ? { kind: 'leave', group, user } : { kind: 'revoke', group, resource: plan }
  await writer.killedBy(order)
  const killedMs = performance.now()
  const staleMs = await Promise.all(instances.map((instance) => staleFor(instance, { user, killedMs, boundMs })))
  for (const [index, ms] of staleMs.entries())
    if (ms >= boundMs) wrong.push(`kill ${kill}: instance ${index + 1} still shows ${plan} after ${ms.toFixed(0)} ms`)
  if ((await seenBy(instances[0], user, { bypass: true })).length > 0) wrong.push(`kill ${kill}: not committed`)
  await undo(instances[0], order)
  return { staleMs, wrong }
}

/** How long the user still sees something; given up at the bound. */
async function staleFor(
  instance: Instance,
  { user, killedMs, boundMs }: { user: string; killedMs: number; boundMs: number },
): Promise<number> {
  let lastMs = 0
  while (lastMs < boundMs && (await seenBy(instance, user)).length > 0) lastMs = performance.now() - killedMs
  return lastMs
}

async function undo({ portcullis: { mutations } }: Instance, order: Order): Promise<void> {
  const group = named(order.group)
  if (order.kind === 'leave')
    await mutations.addUserToGroup({ group, userId: order.user as never, role: 'member' }, asRoot)
  else await mutations.putGrant({ group, resource: named(order.resource), permission: 'read' }, asRoot)
}
