/**
 * The New Enemy: someone is removed from a group, then the group is given a secret. No answer on any instance may show
 * them the secret, although membership and grant are read by different loads at different times.
 */
import { createRandom, type Random } from '../random.ts'
import { asRoot, createTeam, type Instance, named, type Pair, seenBy } from './instances.ts'

export interface EnemiesReport {
  readonly rounds: number
  /** Answers given while the removal and the secret were under way. */
  readonly watched: number
  readonly wrong: readonly string[]
}

export interface EnemiesOptions {
  readonly name: string
  readonly rounds: number
  /** Organisations that change side by side. */
  readonly lanes: number
  readonly seed: number
  readonly onRound?: (done: number) => void
}

export async function meetEnemies(instances: Pair, options: EnemiesOptions): Promise<EnemiesReport> {
  const wrong: string[] = []
  let [begun, done, watched] = [0, 0, 0]

  async function lane(number: number): Promise<void> {
    const random = createRandom(options.seed + number)
    const group = `${options.name}/${number}`
    const user = `${options.name}.ann-${number}`
    await createTeam(instances[0], { group, members: [user], resources: [`${group}/plan`] })
    while (begun < options.rounds) {
      const met = await round({ instances, random, group, user, secret: `${group}/secret-${begun++}` })
      watched += met.watched
      wrong.push(...met.wrong)
      options.onRound?.(++done)
    }
  }

  await Promise.all(Array.from({ length: options.lanes }, (_, number) => lane(number)))
  return { rounds: done, watched, wrong }
}

interface Round {
  readonly instances: Pair
  readonly random: Random
  readonly group: string
  readonly user: string
  readonly secret: string
}

async function round({ instances, random, group, user, secret }: Round) {
  const membership = { group: named(group), userId: user as never }
  const by = () => random.pick(instances).portcullis.mutations
  await by().addUserToGroup({ ...membership, role: 'member' }, asRoot)
  for (const instance of instances) if (random.next() < 0.7) await seenBy(instance, user)

  let over = false
  const watching = instances.map((instance) => watch(instance, user, () => over))
  await by().removeUserFromGroup(membership, asRoot)
  await by().createResource(
    { name: secret, kind: 'document', grants: [{ group: named(group), permission: 'read' }] },
    asRoot,
  )
  over = true
  const seen = (await Promise.all(watching)).flat()
  const wrong = seen.filter((names) => names.includes(secret)).map(() => `${user} was shown ${secret}`)
  for (const instance of instances) {
    const left = await seenBy(instance, user)
    if (left.length > 0) wrong.push(`${user} still sees ${left}`)
  }
  await by().deleteResource({ resource: named(secret) }, asRoot)
  return { watched: seen.length, wrong }
}

async function watch(instance: Instance, user: string, isOver: () => boolean): Promise<string[][]> {
  const answers: string[][] = []
  while (!isOver()) answers.push(await seenBy(instance, user))
  return answers
}
