/** A process that joins the fleet, takes one order, and is killed when it has committed it (the drill's own build sees to that). */
import { createInterface } from 'node:readline'
import { compose } from '../../../src/composition-root.ts'
import { loadConfig } from '../../../src/config.ts'
import type { UserId } from '../../../src/domain/model.ts'
import { createLogger, createMetrics } from '../../../src/telemetry/index.ts'
import type { Order } from './writers.ts'

const config = loadConfig(process.env)
const composed = compose(config, { logger: createLogger({ level: 'silent' }), metrics: createMetrics() })
await composed.started
const { mutations } = composed.portcullis
const context = { actor: 'root' as UserId }

const orders = createInterface({ input: process.stdin })
// The parent process is gone.
orders.on('close', () => process.exit(4))
orders.on('line', async (line) => {
  const order = JSON.parse(line) as Order
  const group = { name: order.group }
  if (order.kind === 'leave') await mutations.removeUserFromGroup({ group, userId: order.user as UserId }, context)
  else await mutations.removeGrant({ group, resource: { name: order.resource } }, context)
  process.exit(3)
})
process.stdout.write('ready\n')
