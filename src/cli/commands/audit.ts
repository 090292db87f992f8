/** `audit`: who did what, and why. */
import type { Command } from './command.ts'
import { list, PAGE_OPTIONS } from './lists.ts'

const audit: Command = {
  words: ['audit'],
  summary: 'who did what, newest first (the details are in --json)',
  takes: [],
  options: {
    actor: { value: '<user>', help: 'only by this user' },
    action: { value: '<action>', help: 'only of this kind, for example removeUserFromGroup' },
    target: { value: '<target>', help: 'only on this, for example user:alice' },
    since: { value: '<time>', help: 'at this time or later, for example 2026-11-26T09:00:00Z' },
    until: { value: '<time>', help: 'before this time' },
    ...PAGE_OPTIONS,
  },
  run: (invocation) =>
    list(invocation, ['listAuditEntries', { query: invocation.given('actor', 'action', 'target', 'since', 'until') }], {
      columns: [
        { title: 'AT', value: ({ at }) => at },
        { title: 'ACTOR', value: ({ actor }) => actor },
        { title: 'ACTION', value: ({ action }) => action },
        { title: 'TARGET', value: ({ target }) => target, shrinks: true },
        { title: 'REASON', value: ({ reason }) => reason, shrinks: true },
      ],
    }),
}

export const auditCommands = [audit]
