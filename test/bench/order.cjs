/** The order of a round: another one begins each time, and every other round runs backwards, so that nobody always follows the same one. */
function orderOf(list, round) {
  const start = round % list.length
  const rotated = [...list.slice(start), ...list.slice(0, start)]
  return round % 2 === 0 ? rotated : rotated.reverse()
}

module.exports = { orderOf }
