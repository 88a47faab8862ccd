/** FNV-1a of a text, 32 bits: for tables and for telling texts apart, where nobody attacks. `from`: of what comes before it. */
export function hashText(text: string, from = 0x811c9dc5): number {
  let hash = from
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
