/**
 * Names that every read needs, made once: a new string is hashed and flattened again wherever it is looked up
 * or sent, which cost more than making it. Two generations of limited size, the older forgotten whole.
 */
const NAMES_PER_GENERATION = 10_000
/** Longer inputs are not remembered, so that memory is bounded in bytes too. */
const LONGEST_REMEMBERED = 256

/**
 * @param make a pure function
 * @returns the same function, remembering at most 20,000 results
 */
export function createMemo<Input extends string, Name extends string>(make: (input: Input) => Name) {
  let young = new Map<Input, Name>()
  let old = new Map<Input, Name>()

  function remember(input: Input): Name {
    const name = old.get(input) ?? make(input)
    if (input.length > LONGEST_REMEMBERED) return name
    if (young.size >= NAMES_PER_GENERATION) {
      old = young
      young = new Map()
    }
    young.set(input, name)
    return name
  }

  return (input: Input): Name => young.get(input) ?? remember(input)
}
