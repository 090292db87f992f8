/** What Prisma loads for its first question stops the process for a tenth of a second; it is loaded before an instance is ready. */
import { expect, it, vi } from 'vitest'
import { createDatabase } from '../../src/postgres/pool.ts'
import { createPrisma } from '../../src/postgres/prisma.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

// No type of it without those of a browser.
const webAssembly = (globalThis as unknown as { WebAssembly: { Module: () => unknown } }).WebAssembly

it('compiles its query compiler when it is opened, and nothing for the first question', async () => {
  const url = await freshDatabase()
  const database = createDatabase({ url, poolMax: 1, queueMax: 10, statementTimeoutMs: 5000 })
  const compiled = vi.spyOn(webAssembly, 'Module')
  try {
    const prisma = createPrisma(database)
    expect(compiled).not.toHaveBeenCalled()
    await prisma.open()
    expect(compiled).toHaveBeenCalledOnce()
    expect(await prisma.ask((client) => client.group.count())).toBe(0)
    expect(compiled).toHaveBeenCalledOnce()
  } finally {
    compiled.mockRestore()
    await database.close()
    await dropDatabase(url)
  }
})

it('is opened without an error where the database cannot be asked', async () => {
  const url = 'postgresql://nobody@127.0.0.1:1/nothing'
  const database = createDatabase({ url, poolMax: 1, queueMax: 10, statementTimeoutMs: 5000 })
  await expect(createPrisma(database).open()).resolves.toBeUndefined()
  await database.close()
})
