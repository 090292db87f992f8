/** The protections of the protocol by the name of what goes wrong when one is taken out or weakened. */
export const ABLATIONS = {
  'no stamps': 'whatever the store returns is served',
  'no leases': 'a fill is stored whatever happened since its load',
  'lease after the load': 'the lease is taken when the value is already there',
  'newest input as stamp': 'a derived entry carries its newest input`s snapshot; inputs are not judged again',
  'in-progress list ignored': 'a transaction below xmax counts as finished',
  'follower by highest id': 'the position is the highest transaction id seen',
  'rows before the position': 'the follower reads the rows, then the snapshot',
  'stamp and load in two statements': 'the value is read, then the snapshot',
  'no catch-up before deriving': 'inputs are judged at a position that does not cover them',
  'derived entry deleted first': 'the list is deleted before what it is derived from',
  'derived generation first': 'a widened invalidation replaces the lists` generation before the catalogue is deleted',
  'manifest deleted first': 'the manifest is deleted in an earlier command than the buckets it names',
  'naive joins': 'a reader is answered by whatever load is running',
  'joins after the seal': 'a reader joins a load whose fill has already been sent',
  'in-process copies unchecked': 'a copy is judged by its stamp alone while the store is healthy',
  'flush by the log alone': 'a layer invalidation leaves the generation in the store',
  'no incarnation': 'a crash of the database keeps its identity',
  'token without incarnation': 'a consistency token names the history and the id only',
  'no history': 'a restored database keeps its identity',
  'no locks': 'mutations do not exclude each other',
  'no floor': 'old invalidations are forgotten and nothing else',
  'own commits not kept': 'an own commit means nothing to a position of another database, and a new past forgets it',
  'gap unnoticed': 'a follower that was away while the log was pruned goes on from where it was',
  'start without a floor': 'an instance begins with what is left of a pruned log and trusts older entries',
} as const

export type Ablation = keyof typeof ABLATIONS

/** What is switched off; nothing in the protocol as it is built. */
export type Off = Readonly<Partial<Record<Ablation, true>>>

export const ALL_PROTECTIONS: Off = {}
