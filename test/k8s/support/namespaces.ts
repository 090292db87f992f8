/**
 * A network namespace a pod, joined by a bridge as on a node. A partition moves the minority's ports to a bridge of its
 * own: packets are lost in silence, connections stay as they are, and after the heal it is TCP that picks them up again.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { type Network, PODS } from './network.ts'
import { createRoutes } from './relays.ts'
import { findOnPath } from './tools.ts'

/** Root, and a kernel that has bridges and virtual links: tried out in a namespace that is gone at once. */
export const canNamespaceNetworks = memoise((): boolean => {
  if (process.getuid?.() !== 0 || !findOnPath('ip') || !findOnPath('nsenter')) return false
  const attempt = 'ip link add br0 type bridge && ip link add ve0 type veth peer name ve1 && ip link set ve0 master br0'
  return spawnSync('unshare', ['--net', 'sh', '-c', attempt], { stdio: 'ignore' }).status === 0
})

function memoise(ask: () => boolean): () => boolean {
  let answer: boolean | undefined
  return () => (answer ??= ask())
}

/** What holds a namespace, as a pod's pause container does; it dies with the test, and the network with it. */
async function holdNamespace(): Promise<ChildProcess> {
  const words = ['--net', 'setpriv', '--pdeathsig', 'KILL', 'sh', '-c', 'echo ready; exec sleep infinity']
  const holder = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject)
    holder.stdout?.once('data', () => resolve())
  })
  return holder
}

/** Command words that enter the namespace. */
const inside = (holder: ChildProcess): string[] => ['nsenter', `--net=/proc/${holder.pid}/ns/net`]
const HERE: readonly string[] = []

/** @throws with what ip says */
function ip(where: readonly string[], ...commands: string[]): void {
  const [command = 'ip', ...args] = [...where, 'ip', '-batch', '-']
  const { status, stderr } = spawnSync(command, args, { input: `${commands.join('\n')}\n`, encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip: ${stderr}`)
}

/** Of the pod's n-th life. */
const own = (pod: number, life = 0): string => `10.0.0.${10 + pod + 3 * life}`
const NOBODY = '02:00:00:00:00:01'
const apart = (pod: number): string => `apart${pod}`

/** A namespace with nothing but bridges: the one that joins all, and one for each pod that is cut off. */
async function startSwitch(pods: readonly ChildProcess[]): Promise<ChildProcess> {
  const holder = await holdNamespace()
  const bridges = ['whole', ...PODS.map(apart)].flatMap((name) => [
    `link add ${name} type bridge`,
    `link set ${name} up`,
  ])
  const ports = pods.flatMap(({ pid }, pod) => [
    `link add pod${pod} type veth peer name eth0 netns ${pid}`,
    `link set pod${pod} master whole up`,
  ])
  ip(inside(holder), ...bridges, ...ports)
  pods.forEach((one, pod) => {
    ip(inside(one), 'link set lo up', `addr add ${own(pod)}/24 dev eth0`, 'link set eth0 up')
  })
  return holder
}

/** A link past the switch, for the observer. @returns what removes it */
function linkOutside(pod: ChildProcess, link: { name: string; outside: string; observed: string }): () => void {
  const { name, outside, observed } = link
  ip(
    HERE,
    `link add ${name} type veth peer name outside netns ${pod.pid}`,
    `addr add ${outside} peer ${observed} dev ${name}`,
    `link set ${name} up`,
  )
  ip(inside(pod), `addr add ${observed} peer ${outside} dev outside`, 'link set outside up')
  return () => ip(HERE, `link del ${name}`)
}

export async function createNamespaces(subnet: number): Promise<Network> {
  // 198.18.0.0/15 is for test networks (RFC 2544); these routes lead to single addresses and never leave the machine.
  const outside = `198.18.${subnet}.1`
  const observed = (pod: number): string => `198.18.${subnet}.${10 + pod}`

  const pods = await Promise.all(PODS.map(holdNamespace))
  const bridges = await startSwitch(pods)
  const unlink = pods.map((one, pod) =>
    linkOutside(one, { name: `drill${subnet}-${pod}`, outside, observed: observed(pod) }),
  )
  // The client is the test's own process: its routes are relays that end where the observer looks.
  const client = await createRoutes({ subnet, from: ['client'], target: observed })
  const plug = (bridge: string, ports: readonly number[]): void =>
    ip(inside(bridges), ...ports.map((pod) => `link set pod${pod} master ${bridge}`))

  const addresses = PODS.map((pod) => own(pod))
  const lives = PODS.map(() => 0)

  return {
    kind: 'namespaces',
    enter: (pod) => inside(pods[pod] as ChildProcess),
    bind: () => undefined,
    observed,
    seen: (from, pod) => (from === 'client' ? client.seen(from, pod) : (addresses[pod] as string)),
    outside,
    forgetAddress(pod) {
      const old = addresses[pod] as string
      lives[pod] = (lives[pod] ?? 0) + 1
      const next = own(pod, lives[pod])
      addresses[pod] = next
      ip(inside(pods[pod] as ChildProcess), `addr del ${old}/24 dev eth0`, `addr add ${next}/24 dev eth0`)
      // A neighbour that is nobody: packets vanish, as those to the address of a pod that is gone.
      for (const other of pods) ip(inside(other), `neigh replace ${old} lladdr ${NOBODY} dev eth0 nud permanent`)
    },
    partition(minority) {
      const cutOff = minority.filter((place) => place !== 'client')
      if (cutOff[0] !== undefined) plug(apart(cutOff[0]), cutOff)
      client.cut(minority)
    },
    heal() {
      plug('whole', PODS)
      client.heal()
    },
    async close() {
      await client.close()
      for (const remove of unlink) remove()
      for (const holder of [bridges, ...pods]) holder.kill('SIGKILL')
    },
  }
}
