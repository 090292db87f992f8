/** Faults of what the shop does not have: the service's own tables, routes and settings. */
export const FOREIGN: readonly string[] = [
  // A flush by the API.
  'outside-flush-master-hung',
  // They lock and heat the service's own tables.
  'log-locked',
  'log-locked-master-hung',
  'log-locked-one-deaf',
  'log-unreadable',
  'log-unreadable-master-hung',
  'open-transaction',
  'prepared-transaction',
]
