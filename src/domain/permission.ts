import { PERMISSIONS, type Permission } from './model.ts'

/** Negative, zero or positive as `a` is lower than, equal to or higher than `b`. */
export function comparePermissions(a: Permission, b: Permission): number {
  return PERMISSIONS.indexOf(a) - PERMISSIONS.indexOf(b)
}

export function atLeast(permission: Permission, least: Permission): boolean {
  return comparePermissions(permission, least) >= 0
}
