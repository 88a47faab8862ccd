/** `await using`, where the language has it. */

/** Node 10 has no such symbol; where there is one, leaving the scope closes the client. */
export function closeAtEndOfScope(prototype: { close(): Promise<void> }): void {
  if (typeof Symbol.asyncDispose !== 'symbol') return
  Object.defineProperty(prototype, Symbol.asyncDispose, {
    value(this: { close(): Promise<void> }): Promise<void> {
      return this.close()
    },
    configurable: true,
    writable: true,
  })
}
