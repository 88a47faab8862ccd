/** Waiting for a condition, with a deadline: the only waiting there is in these tests. */

import { setTimeout as pause } from 'node:timers/promises'

/** How often is looked. It decides nothing: a condition that holds is seen at once, one that never does fails. */
const PAUSE = 25

/** Emulated machines share their processors with others: what takes two seconds may well take a minute there. */
const SECONDS = 300

const show = (value: unknown) =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part))

/** Asks until `holds`; resolves to that answer, rejects with the last one when the time is over. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  holds: (answer: T) => boolean,
  seconds = SECONDS,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return answer
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}; last seen: ${show(answer)}`)
    await pause(PAUSE)
  }
}
