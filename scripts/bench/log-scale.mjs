// A logarithmic axis.

/** Maps `from`…`to` (both above zero) to `start`…`end`. */
export function logScale([from, to], [start, end]) {
  const share = (value) => Math.log(value / from) / Math.log(to / from)
  return (value) => start + share(value) * (end - start)
}

/** The powers of ten around all values. */
export function decades(values) {
  const from = 10 ** Math.floor(Math.log10(Math.min(...values)))
  const to = 10 ** Math.ceil(Math.log10(Math.max(...values)))
  return [from, to > from ? to : from * 10]
}

/** Powers of ten within the range. */
export function ticks([from, to]) {
  const found = []
  for (let power = Math.ceil(Math.log10(from) - 1e-9); 10 ** power <= to * (1 + 1e-9); power++) {
    found.push(10 ** power)
  }
  return found
}

/** 1,000 and 0.1: as short as it is exact. */
export const tickLabel = (value) => value.toLocaleString('en', { maximumSignificantDigits: 3 })
