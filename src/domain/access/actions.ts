/** What a caller wants to do, as the least permission that allows it. */
import { PERMISSIONS, type Permission } from '../model.ts'
import { atLeast } from '../permission.ts'

/** The actions of a deployment (`view=read`), in the order in which a search lists them. */
export type ActionNames = ReadonlyMap<string, Permission>

export interface Actions {
  /** A permission's own name is known even where the deployment does not list it. Undefined for an unknown name. */
  leastFor(action: string): Permission | undefined
  /** The actions of the deployment that the permission allows. */
  allowedBy(permission: Permission): readonly string[]
}

export function createActions(names: ActionNames): Actions {
  const least = new Map<string, Permission>([
    ...PERMISSIONS.map((permission) => [permission, permission] as const),
    ...names,
  ])
  return {
    leastFor: (action) => least.get(action),
    allowedBy: (permission) => [...names].filter(([, needed]) => atLeast(permission, needed)).map(([action]) => action),
  }
}
