/** `npm run drill -- k8s [random | tls | monitoring …]`: the cluster's scripts through every drill that needs no kubelet. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { createScript } from '../../src/cli/script.ts'

const { args } = createScript(
  'npm run drill -- k8s',
  "The cluster's scripts through every drill that needs no kubelet.",
)
  .argument('[filters...]', 'only the files that are called so: api, kubelet, monitoring, random, rows, tls')
  .allowUnknownOption()
  .addHelpText('after', '\nFurther options go to vitest.')
  .parse()
const vitest = path.resolve(import.meta.dirname, '../../node_modules/vitest/vitest.mjs')
const config = path.join(import.meta.dirname, 'drill.config.ts')
process.exitCode =
  spawnSync(process.execPath, [vitest, 'run', '--config', config, ...args], { stdio: 'inherit' }).status ?? 1
