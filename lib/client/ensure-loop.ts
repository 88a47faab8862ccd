/** What `ensure` writes, and that it looks again when another program was faster. */

import type { PlannedRequest } from '../dispatch/call-plan'
import { FollowUp } from '../dispatch/call-plan'
import type { EnsureResult } from '../model/call-types'

/** How often `ensure` looks, while others add and remove what it has just seen. */
const LOOKS = 4

/** Writes what was missing or different; `beaten` is the kernel's answer where that is no longer so. */
export type EnsureWrite = (
  request: PlannedRequest,
  result: EnsureResult,
  beaten: 'EEXIST' | 'ENOENT' | 'ESRCH',
) => FollowUp<EnsureResult>

/** `look` reads, and goes on with what `follow` makes where something is to be written; it is called for each look. */
export function ensureBy(
  look: (follow: EnsureWrite) => FollowUp<EnsureResult>,
  looks = LOOKS,
): FollowUp<EnsureResult> {
  return look(
    (request, result, beaten) =>
      new FollowUp<EnsureResult>(
        [request],
        () => result,
        true,
        ({ code }) => (code === beaten && looks > 1 ? { value: ensureBy(look, looks - 1) } : undefined),
      ),
  )
}
