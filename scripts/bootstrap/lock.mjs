/** Two commands started on a fresh clone at once must not install into the same folder at once. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Runs `work` while no other process of this checkout does the same. */
export async function exclusively({ root, say }, work) {
  const folder = path.join(root, '.portcullis')
  const file = path.join(folder, 'bootstrap.lock')
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  for (let told = false; !take(file); told = true) {
    if (!told) say('another command is setting up this checkout: waiting for it')
    await sleep(300)
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (!ownerLives(file)) rmSync(file, { force: true })
    return false
  }
}

function ownerLives(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    // Written but not filled yet: its owner is at work this very moment.
    if (pid === 0) return true
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
