// Numbers from numbers; nothing here knows what was measured.

const ascending = (numbers) => [...numbers].sort((a, b) => a - b)

export function median(numbers) {
  const sorted = ascending(numbers)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The smallest number that `share` (0–1) of all are not above. */
export function quantile(numbers, share) {
  const sorted = ascending(numbers)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

/** Of the straight line that fits [x, y] points best by least squares. */
export function slope(points) {
  const mean = (index) => points.reduce((sum, point) => sum + point[index], 0) / points.length
  const [meanX, meanY] = [mean(0), mean(1)]
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return over / under
}

/** For storing: what is below a thousandth is noise. */
export const round = (number) => (number === undefined ? undefined : Math.round(number * 1000) / 1000)
