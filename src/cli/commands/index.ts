/** Every command of the CLI, in the order of the help. */
import { accessCommands } from './access.ts'
import { auditCommands } from './audit.ts'
import { cacheCommands } from './cache.ts'
import type { Command } from './command.ts'
import { grantCommands } from './grants.ts'
import { groupCommands } from './groups.ts'
import { importCommands } from './import.ts'
import { memberCommands } from './members.ts'
import { resourceCommands } from './resources.ts'
import { userCommands } from './users.ts'

export const commands: readonly Command[] = [
  ...resourceCommands,
  ...groupCommands,
  ...memberCommands,
  ...grantCommands,
  ...accessCommands,
  ...userCommands,
  ...cacheCommands,
  ...auditCommands,
  ...importCommands,
]

/** Summaries of the commands that share a first word. */
export const FAMILIES = {
  resources: 'what you may see, and changes to it',
  groups: 'groups, their place in the tree, and changes',
  members: 'who is in a group, and in which role',
  grants: 'which resources a group may use, and how',
  users: 'users, and what each may see',
  me: 'who you are here, and your groups',
  cache: 'the state of the cache, flushes, entries of a user, the log',
}
