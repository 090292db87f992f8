/** This process as the CLI sees it: environment, network, output, and the person at the terminal, if there is one. */
import { createInterface } from 'node:readline/promises'
import type { CommandDeps } from './run-portcullis.ts'

export function terminal(): CommandDeps {
  // `portcullis users --all | head`: the reader has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  return {
    env: process.env,
    fetch,
    print: (text) => console.log(text),
    say: (text) => console.error(text),
    width: process.stdout.isTTY ? process.stdout.columns : undefined,
    ...(process.stdin.isTTY && process.stderr.isTTY && { ask }),
  }
}

/** On standard error: the result alone goes to standard output. */
async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}
