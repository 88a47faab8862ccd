/** How often the event loop turned while `work` ran. */
export async function turnsOf<T>(work: () => Promise<T>): Promise<{ turns: number; value: T }> {
  let turns = 0
  let going = true
  const turn = (): void => {
    turns++
    if (going) setImmediate(turn)
  }
  setImmediate(turn)
  const value = await work()
  going = false
  return { turns, value }
}
