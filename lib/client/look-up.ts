/** Looking one thing up in the list of its service. */

import type { PlannedRequest, Recover } from '../dispatch/call-plan'
import { FollowUp } from '../dispatch/call-plan'
import type { SharedList } from '../dispatch/shared-list'

/**
 * A list that others change while it is read can lack what was there all the time (ip_vs_ctl.c:ip_vs_genl_dump_dests
 * resumes by position), so something counts as missing only when it was not in this many lists.
 */
const LOOKS = 4
/** A list no longer than this came in one piece, and nothing was skipped: 2.6.32 sends about 17 at a time. */
const ONE_PIECE = 8

/** The request that reads the list, for all calls of the trip that look into it. */
export function readList<T>(sharedList: SharedList<T>): PlannedRequest {
  return { fields: sharedList.fields, sinks: [sharedList.sink], sharedList }
}

/** Looks `id` up in a list of which `make` makes a new one, and goes on with what it found. */
export function lookUp<T, R>(
  make: () => SharedList<T>,
  id: string,
  goOn: (item: T | undefined) => R | FollowUp<R>,
  { holds, recover }: { readonly holds: boolean; readonly recover?: Recover<R> },
): FollowUp<R> {
  const look = (looks: number): FollowUp<R> => {
    const sharedList = make()
    const done = () => {
      const item = sharedList.get(id)
      return !item && looks > 1 && sharedList.size > ONE_PIECE ? look(looks - 1) : goOn(item)
    }
    return new FollowUp<R>([readList(sharedList)], done, holds, recover)
  }
  return look(LOOKS)
}

/**
 * Looks one thing up for `get`: undefined where it is missing, or its service. Later calls do not wait for it, so a second
 * look can see what they have done.
 */
export function getFrom<T, R>(
  make: () => SharedList<T>,
  id: string,
  give: (item: T) => R,
): FollowUp<R | undefined> {
  return lookUp<T, R | undefined>(make, id, (item) => (item === undefined ? undefined : give(item)), {
    holds: false,
    recover: ({ code }) => (code === 'ESRCH' ? { value: undefined } : undefined),
  })
}
