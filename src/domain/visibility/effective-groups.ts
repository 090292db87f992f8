/** Computes through which of a user's own groups each effective group is inherited. */
import type { EffectiveGroup, GroupId } from '../model.ts'
import type { GroupNode } from '../source.ts'

export function withVia(nodes: readonly GroupNode[]): EffectiveGroup[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const heirs = new Map<GroupId, string[]>()
  const ends = endsOf(nodes, byId)
  for (const own of nodes) {
    if (own.role === null) continue
    for (const ancestor of ancestorsOf(own, byId)) heirs.set(ancestor.id, [...(heirs.get(ancestor.id) ?? []), own.name])
  }
  return nodes.map(({ id, name, parentId, role }) => {
    const via = role === null ? (heirs.get(id) ?? []) : ('direct' as const)
    const end = ends.get(id)
    return { id, name, parentId, via, expiresAt: end === undefined ? null : new Date(end), role }
  })
}

/** When each group stops counting, in milliseconds since the epoch: with the last membership that leads to it. */
function endsOf(nodes: readonly GroupNode[], byId: ReadonlyMap<GroupId, GroupNode>): ReadonlyMap<GroupId, number> {
  const ends = new Map<GroupId, number>()
  if (nodes.every(({ until }) => until === null)) return ends
  const endless = new Set<GroupId>()
  for (const own of nodes) {
    if (own.role === null) continue
    for (const { id } of [own, ...ancestorsOf(own, byId)]) {
      if (own.until === null) endless.add(id)
      else ends.set(id, Math.max(ends.get(id) ?? 0, own.until))
    }
  }
  for (const id of endless) ends.delete(id)
  return ends
}

function* ancestorsOf(node: GroupNode, byId: ReadonlyMap<GroupId, GroupNode>): Generator<GroupNode> {
  const seen = new Set<GroupId>([node.id])
  for (let next = node.parentId; next && !seen.has(next); ) {
    seen.add(next)
    const ancestor = byId.get(next)
    if (!ancestor) return
    yield ancestor
    next = ancestor.parentId
  }
}
