/** Every command of the CLI, in the order of the help. */
import { accessCommands } from './access.ts'
import { auditCommands } from './audit.ts'
import { cacheCommands } from './cache.ts'
import type { Command } from './command.ts'
import { grantCommands } from './grants.ts'
import { groupCommands } from './groups.ts'
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
]
