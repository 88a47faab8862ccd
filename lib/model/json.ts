/** What was read as JSON and back: counters are bigint, which JSON has no word for. */

/** Properties that are bigint wherever they are text. */
const COUNTERS: readonly string[] = [
  'connections',
  'inPackets',
  'outPackets',
  'inBytes',
  'outBytes',
  'portConflicts',
]

/**
 * The JSON text of whatever the library returns (a snapshot, lists, an error), counters as decimal text. `space` is that of
 * `JSON.stringify`. What is `undefined` is left out, as always in JSON. The text of a listed service or destination is an input
 * again, once `fromJson` or `JSON.parse` has read it.
 */
export function toJson(value: unknown, space?: number | string): string {
  const text = (_: string, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)
  return JSON.stringify(value, text, space)
}

/** The reverse of `toJson`: counters are bigint again. The caller says what it is, nothing is checked. */
export function fromJson<T = unknown>(text: string): T {
  return JSON.parse(text, (name, item: unknown) =>
    typeof item === 'string' && COUNTERS.includes(name) && /^\d+$/.test(item) ? BigInt(item) : item,
  )
}
