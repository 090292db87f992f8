/** A grant and its revocation at once, on two instances: whatever order they took, every answer afterwards is the committed state. */
import { asRoot, createTeam, named, type Pair, seenBy } from './instances.ts'

export interface RacesReport {
  readonly interleavings: number
  /** How often the grant was there in the end; both orders have to happen. */
  readonly granted: number
  readonly wrong: readonly string[]
}

export async function raceGrants(
  instances: Pair,
  { name, pairs, rounds }: { name: string; pairs: number; rounds: number },
): Promise<RacesReport> {
  const [one, other] = instances
  const user = `${name}.ann`
  const raced = Array.from({ length: pairs }, (_, index) => ({
    group: named(`${name}/${index}`),
    resource: named(`${name}/${index}`),
  }))
  for (const { group } of raced) await createTeam(one, { group: group.name, members: [user], resources: [group.name] })
  const wrong: string[] = []
  let granted = 0
  for (let round = 0; round < rounds; round++) {
    const racing = raced.flatMap((pair, index) => {
      const [giver, taker] = index % 2 === 0 ? [one, other] : [other, one]
      const give = () => giver.portcullis.mutations.putGrant({ ...pair, permission: 'read' }, asRoot)
      // Refused where the grant is not there (yet): then the other order happened.
      const take = () => taker.portcullis.mutations.removeGrant(pair, asRoot).catch(() => {})
      return round % 2 === 0 ? [give(), take()] : [take(), give()]
    })
    await Promise.all([...racing, seenBy(one, user), seenBy(other, user)])
    const truth = await seenBy(one, user, { bypass: true })
    granted += truth.length
    for (const [index, instance] of instances.entries()) {
      const seen = await seenBy(instance, user)
      if (seen.join() !== truth.join()) wrong.push(`round ${round}, instance ${index + 1}: ${seen} instead of ${truth}`)
    }
  }
  return { interleavings: pairs * rounds, granted, wrong }
}
