/** A user's effective groups, in the group tree: filled dots are own memberships, hollow ones are inherited. */
import type { EffectiveGroup } from '../../../src/client/index.ts'
import { End, endedClass } from './ends.tsx'
import { useNow } from './states.tsx'

interface Branch {
  readonly group: EffectiveGroup
  readonly below: readonly Branch[]
}

export function GroupTree({ groups, marked }: { groups: readonly EffectiveGroup[]; marked: ReadonlySet<string> }) {
  return (
    <ul class="tree">
      {treeOf(groups).map((branch) => (
        <BranchItem key={branch.group.id} branch={branch} above="" marked={marked} />
      ))}
    </ul>
  )
}

function BranchItem({ branch, above, marked }: { branch: Branch; above: string; marked: ReadonlySet<string> }) {
  const { group, below } = branch
  const direct = group.via === 'direct'
  const ended = endedClass(group, useNow())
  return (
    <li>
      <span class={`tree-group${marked.has(group.id) ? ' marked' : ''}${ended}`} title={group.name}>
        <span class={direct ? 'dot direct' : 'dot'} aria-hidden="true" />
        <span class="tree-name">{shortName(group.name, above)}</span>
        <End expiresAt={group.expiresAt} />
        <span class="tag">{direct ? (group.role ?? 'direct') : 'inherited'}</span>
      </span>
      {below.length > 0 && (
        <ul>
          {below.map((each) => (
            <BranchItem key={each.group.id} branch={each} above={group.name} marked={marked} />
          ))}
        </ul>
      )}
    </li>
  )
}

function treeOf(groups: readonly EffectiveGroup[]): Branch[] {
  const known = new Set(groups.map(({ id }) => id))
  const below = Map.groupBy(groups, ({ parentId }) => (parentId !== null && known.has(parentId) ? parentId : ''))
  const branchesUnder = (id: string): Branch[] =>
    (below.get(id) ?? [])
      .toSorted((one, other) => one.name.localeCompare(other.name))
      .map((group) => ({ group, below: branchesUnder(group.id) }))
  return branchesUnder('')
}

/** Names often repeat those above them; the tree shows these already. */
export function shortName(name: string, above: string): string {
  return above !== '' && name.startsWith(`${above}/`) ? name.slice(above.length + 1) : name
}
