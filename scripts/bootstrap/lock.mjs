/** Two commands started on a fresh clone at once must not install into the same folder at once. */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Runs `work` while no other process of this checkout does the same. */
export async function exclusively({ root, say }, work) {
  const folder = path.join(root, '.portcullis')
  const file = path.join(folder, 'bootstrap.lock')
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  for (let told = false; !take(file); told = true) {
    if (!told) say(`another command (process ${ownerOf(file)}) is setting up this checkout: waiting for it`)
    await sleep(300)
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

/** Linked when it is written, so that it names its owner from the first moment on, also where the disk is full. */
function take(file) {
  const draft = `${file}.${process.pid}`
  try {
    writeFileSync(draft, String(process.pid))
    linkSync(draft, file)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (!isAlive(ownerOf(file))) rmSync(file, { force: true })
    return false
  } finally {
    rmSync(draft, { force: true })
  }
}

/** NaN for a lock that is gone meanwhile, 0 for one that names nobody. */
function ownerOf(file) {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return Number.NaN
  }
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
