/** Tells through which of a user's own groups each effective group counts. */
import type { EffectiveGroup, GroupId } from '../model.ts'
import type { GroupNode } from '../source.ts'

export function withVia(nodes: readonly GroupNode[]): EffectiveGroup[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const heirs = new Map<GroupId, string[]>()
  for (const own of nodes) {
    if (own.role === null) continue
    for (const ancestor of ancestorsOf(own, byId)) heirs.set(ancestor.id, [...(heirs.get(ancestor.id) ?? []), own.name])
  }
  return nodes.map(({ id, name, parentId, role }) => {
    const via = role === null ? (heirs.get(id) ?? []) : ('direct' as const)
    return { id, name, parentId, via, role }
  })
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
