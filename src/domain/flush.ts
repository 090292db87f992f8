/** An administrator's or a recovery tier's flush: a mutation that writes nothing but the log, so it holds without Redis too. */

import { type Invalidation, mergeInvalidations, mutation, type Rule } from '../cache/index.ts'
import type { FlushScope } from './api.ts'
import { DomainError } from './errors.ts'
import { allResources, allUserResources, userGroups, userResources } from './invalidation-rules.ts'
import { layerTag } from './keys.ts'
import { LAYERS, type LayerName } from './layers.ts'
import type { Transaction } from './transaction.ts'

/** @throws DomainError `unknown-resource` */
export async function scopeOfFlush(tx: Transaction, scope: FlushScope): Promise<Invalidation> {
  switch (scope.scope) {
    case 'all':
      return wholeLayers(LAYERS.names)
    case 'volatile':
      return wholeLayers(LAYERS.volatile)
    case 'layer':
      // A flush of an input also takes what was derived from it, or lists built from older data would still be served.
      return wholeLayers(LAYERS.closureOf(scope.layer))
    case 'user':
      return merged(tx, [userGroups(() => scope.user), userResources(() => scope.user)])
    case 'resource': {
      const found = await tx.resources.find(scope.resource)
      if (!found) throw new DomainError('unknown-resource', 'there is no such resource')
      // Not only the lists of its present holders: before a change that was never logged others held it.
      return merged(tx, [allResources(() => [found.id]), allUserResources()])
    }
    default:
      return scope satisfies never
  }
}

export const flushCache = mutation<Transaction, FlushScope>('flushCache')
  .on(scopeOfFlush)
  .invalidates((_tx, named) => named)
  .write(() => null)
  .audited({ target: targetOfFlush })

export function targetOfFlush(scope: FlushScope): string {
  switch (scope.scope) {
    case 'layer':
      return `cache:layer:${scope.layer}`
    case 'user':
      return `cache:user:${scope.user}`
    case 'resource':
      return `cache:resource:${'id' in scope.resource ? scope.resource.id : scope.resource.name}`
    default:
      return `cache:${scope.scope}`
  }
}

function wholeLayers(layers: readonly LayerName[]): Invalidation {
  return { tags: layers.map(layerTag), keys: [], layers }
}

async function merged(tx: Transaction, rules: readonly Rule<Transaction, null>[]): Promise<Invalidation> {
  return mergeInvalidations(await Promise.all(rules.map((rule) => rule(tx, null))))
}
