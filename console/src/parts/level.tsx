import type { Permission } from '../../../src/client/index.ts'

/** A permission, always by name; the colour only helps to compare. */
export function Level({ of }: { of: Permission | null }) {
  return <span class={`level level-${of ?? 'none'}`}>{of ?? 'none'}</span>
}
