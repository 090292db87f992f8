/** Notices that npm was killed: SIGTERM or SIGKILL to npm alone leaves the programs that it started running. */
import { readFileSync } from 'node:fs'

const INTERVAL_MS = 500

/** Calls back once when the parent, or the npm behind the shell that npm starts programs with, is gone. */
export function watchAncestors(onOrphaned) {
  const parent = process.ppid
  const grandparent = process.env.npm_lifecycle_event ? parentOf(parent) : null
  const timer = setInterval(() => {
    const orphaned = process.ppid !== parent || (grandparent !== null && parentOf(parent) !== grandparent)
    if (!orphaned) return
    clearInterval(timer)
    onOrphaned()
  }, INTERVAL_MS)
  timer.unref()
}

/** Null where the system has no /proc: there only the direct parent is watched. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}
