/** The body of `POST /import`. */
import type { JsonObject, MembershipRole, Permission } from '../model.ts'

/** Names refer to each other, everything in it is created or brought to this state. */
export interface OrganisationImport {
  readonly users: readonly { readonly id: string; readonly displayName?: string | null }[]
  readonly groups: readonly { readonly name: string; readonly parent?: string | null }[]
  readonly memberships: readonly (ImportedEnd & {
    readonly group: string
    readonly user: string
    readonly role: MembershipRole
  })[]
  readonly resources: readonly {
    readonly name: string
    readonly kind: string
    readonly description?: string | null
    readonly attributes?: JsonObject
  }[]
  readonly grants: readonly (ImportedEnd & {
    readonly group: string
    readonly resource: string
    readonly permission: Permission
  })[]
}

interface ImportedEnd {
  /** Absent: as it is; null: it does not end. */
  readonly expiresAt?: Date | null
}
