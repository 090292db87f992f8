/** Starts the containers where Docker is there; where it is not, says so once and lets the tests skip themselves. */
import { getContainerRuntimeClient } from 'testcontainers'
import type { TestProject } from 'vitest/node'
import type { LocalStack } from '../../src/local/stack.ts'
import { type ContainerStack, startContainerStack } from './container-stack.ts'
import { serveStackControl } from './stack-control.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where Docker answers; else why the suite is skipped. */
    withoutDocker: string | null
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const started = await startUnlessRefused()
  project.provide('withoutDocker', started.refusal)
  if (started.refusal !== null) {
    console.error(`[containers] SKIPPED: the integration suite does not run against containers: ${started.refusal}`)
    return undefined
  }
  const { stack } = started
  const control = await serveStackControl(async () => stack as LocalStack)
  project.provide('stackControlUrl', control.url)
  return async () => {
    await control.close()
    await stack.stop()
  }
}

/** No Docker, or a Docker that cannot get the images, is a reason to skip; a container that does not start is a failure. */
async function startUnlessRefused(): Promise<{ refusal: string } | { refusal: null; stack: ContainerStack }> {
  try {
    await getContainerRuntimeClient()
  } catch (error) {
    return { refusal: `no Docker (${(error as Error).message})` }
  }
  try {
    return { refusal: null, stack: await startContainerStack() }
  } catch (error) {
    const { message } = error as Error
    if (!/registry|pull access denied|No such image|manifest unknown/i.test(message)) throw error
    return { refusal: `Docker is there, its images are not (${message.trim()})` }
  }
}
