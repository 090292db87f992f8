/** Cuts a Redis master off from its replicas without anybody else noticing, and undoes it. */
import type { RedisName } from '../../src/local/redis-names.ts'
import type { Environment } from './environment.ts'

type Ask = Pick<Environment, 'ask'>

/**
 * The master takes no replicas any more and loses those it has, while clients and Sentinels notice nothing: what it
 * deletes from now on nobody else sees. It goes on writing without them, as a master does for the ten seconds in which
 * it still counts replicas that it does not hear of.
 */
export async function cutReplication({ ask }: Ask, master: RedisName): Promise<void> {
  await ask(master, 'CONFIG', 'SET', 'min-replicas-to-write', '0')
  // Not REPLCONF: a replica that may connect again in between would be known under port 0 to every Sentinel, for good.
  await ask(master, 'ACL', 'SETUSER', 'default', '-psync', '-sync')
  await ask(master, 'CLIENT', 'KILL', 'TYPE', 'replica')
}

export async function repairReplication({ ask }: Ask, master: RedisName): Promise<void> {
  await ask(master, 'ACL', 'SETUSER', 'default', '+@all')
  await ask(master, 'CONFIG', 'SET', 'min-replicas-to-write', '1')
}
