/** A process together with its direct children, which `ps` lists on every Unix. */
import { execFileSync } from 'node:child_process'

/** PostgreSQL answers through children that a stopped parent leaves running. The parent first: it makes new ones. */
export function signalWithChildren(pid: number, signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  process.kill(pid, signal)
  for (const child of childrenOf(pid)) {
    try {
      process.kill(child, signal)
    } catch {
      // It ended between the listing and the signal.
    }
  }
}

export function childrenOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=', '-o', 'ppid='], { encoding: 'utf8' }).split('\n')
  return lines.flatMap((line) => {
    const [child, parent] = line.trim().split(/\s+/).map(Number)
    return parent === pid && child !== undefined ? [child] : []
  })
}
