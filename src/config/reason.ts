/** Why a file could not be read, as a code: a message could repeat its content. */
export function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}
