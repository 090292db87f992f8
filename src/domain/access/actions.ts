/** What a caller wants to do, as the least permission that allows it. */
import { PERMISSIONS, type Permission } from '../model.ts'
import { atLeast } from '../permission.ts'

/** Names that a deployment gives to permissions (`view=read`), in the order they were given. */
export type ActionNames = ReadonlyMap<string, Permission>

export interface Actions {
  /** Undefined for a name that means nothing here. */
  leastFor(action: string): Permission | undefined
  /** Every action that the permission allows: permissions first, lowest to highest, then the given names. */
  allowedBy(permission: Permission): readonly string[]
}

export function createActions(names: ActionNames): Actions {
  const least = new Map<string, Permission>([
    ...PERMISSIONS.map((permission) => [permission, permission] as const),
    ...names,
  ])
  return {
    leastFor: (action) => least.get(action),
    allowedBy: (permission) => [...least].filter(([, needed]) => atLeast(permission, needed)).map(([action]) => action),
  }
}
