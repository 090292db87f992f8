/** The log as the build has it. */
import { postgresLog as createReal } from '../../../src/package/postgres.ts'
import { builtLog } from '../build/log.ts'

export * from '../../../src/package/postgres.ts'

export function postgresLog(options: Parameters<typeof createReal>[0]): ReturnType<typeof createReal> {
  const log = createReal(options)
  return { ...log, log: builtLog(log.log) }
}
