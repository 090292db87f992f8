/** The protections of the protocol by the name of what goes wrong when one is taken out or weakened. */
export const ABLATIONS = {
  // Evidence
  'no stamps': 'whatever the store returns is served',
  'in-progress list ignored': 'a transaction below xmax counts as finished',
  'stamp and load in two statements': 'the value is read, then the snapshot',
  'no floor': 'old invalidations are forgotten and nothing else',
  'fence as a number': 'what is dropped of a hot tag leaves its highest id, compared with where a snapshot ends',
  'trust left to the caller': 'the judgement does not ask whether the log is followed, and neither does this caller',
  'other shape served': 'an entry is read whatever release wrote it',
  'no history': 'a restored database keeps its identity',
  'no incarnation': 'a crash of the database keeps its identity',
  'token without incarnation': 'a consistency token names the history and the id only',
  // Following the log
  'follower by highest id': 'the position is the highest transaction id seen',
  'rows before the position': 'the follower reads the rows, then the snapshot',
  'state and position in two statements': 'the follower reads position and rows, then the states of what they name',
  'delta after the index': 'the index knows the new position before the catalogue has the states',
  'barrier joins a running read': 'a barrier is passed with a read of the log that began before it',
  'failed barrier passed': 'where the log cannot be read, what is known is derived from all the same',
  'own commits not kept': 'an own commit means nothing to a position of another database, and a new past forgets it',
  'gap unnoticed': 'a follower that was away while the log was pruned goes on from where it was',
  'start without a floor': 'an instance begins with what is left of a pruned log and trusts older entries',
  // The catalogue
  'derived from a bucket behind': 'lists are merged from a catalogue of which a part is not at the position',
  'whole buckets not marked': 'a row without names leaves its buckets as they are',
  'too many names not marked': 'resources whose states a read left out stay as they are',
  'reset without marks': 'a new past leaves the catalogue as it is',
  'install before the position': 'a loaded bucket is installed although the position does not cover its snapshot',
  'install without kept states': 'what the log brought during the load is overwritten by it',
  'second mark ignored': 'a bucket marked again during its load is installed all the same',
  'checkpoint not judged': 'a start takes the buckets that the store has',
  // Deriving
  'groups not judged': 'a list is derived from groups that the position contradicts',
  'position behind the groups': 'a list is derived at a position that does not cover its groups',
  'position behind the entry': 'a further page is merged at a position that does not cover the first page’s entry',
  'continuation not judged': 'a further page is merged from groups that the position contradicts by now',
  // The shared store
  'no leases': 'a fill is stored whatever happened since its load',
  'lease after the load': 'the lease is taken when the value is already there',
  'naive joins': 'a reader is answered by whatever load is running',
  'joins after the seal': 'a reader joins a load whose fill has already been sent',
  'copies unchecked': 'a copy in the process is judged by its stamp alone while the store is healthy',
  'flush by the log alone': 'a layer invalidation leaves the generation in the store',
  'no locks': 'mutations do not exclude each other',
  // What ends by itself
  'until ignored': 'an entry is served though its end has come',
  'page kept beyond its end': 'a first page is given out while its groups last, though a grant on it has ended',
  'until not taken from the input': 'a list says nothing of the end of a membership that it was derived from',
  'own wall clock used': 'the present is what this machine’s wall clock shows',
  'uncertainty ignored': 'the database’s clock is taken as if its answer had come without delay',
  'catalogue unfiltered': 'lists are merged from all grants that there are',
  'what may have ended is left out': 'a grant that may have ended this moment counts as ended, without asking',
  // Without the shared store
  'memory without a barrier': 'with the store away a copy in the process is judged at the position there is',
  'replica without a barrier': 'with the master away a replica’s answer is judged at the position there is',
} as const

export type Ablation = keyof typeof ABLATIONS

/** What is switched off; nothing in the protocol as it is built. */
export type Off = Readonly<Partial<Record<Ablation, true>>>

export const ALL_PROTECTIONS: Off = {}
