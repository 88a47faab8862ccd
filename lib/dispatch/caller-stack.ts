/** Rejections that say where the call was made, as those of `fs.promises` do. */

const FRAMES = '\n    at '

/**
 * In the reaction of a promise V8 knows who awaits it (`at async provision (file:7:36)`); where the error is made it knows
 * the library alone. Node 10 knows neither, and the stack stays what it is.
 */
function captureCaller(error: unknown): never {
  if (error instanceof Error && typeof error.stack === 'string') {
    const trace = { stack: '' }
    Error.captureStackTrace(trace, captureCaller)
    const frames = trace.stack.indexOf(FRAMES)
    const end = error.stack.indexOf(FRAMES)
    const head = end < 0 ? error.stack : error.stack.slice(0, end)
    if (frames >= 0) error.stack = head + trace.stack.slice(frames)
  }
  throw error
}

export const withCallerStack = <T>(promise: Promise<T>): Promise<T> => promise.then(undefined, captureCaller)

/**
 * The same for a promise that exists already and costs nothing until it fails: it is resolved with this one. The reaction
 * comes a turn later, when V8 has tied the two together.
 */
export const failsForCaller = (error: unknown): Promise<never> =>
  Promise.resolve(error)
    .then((same) => same)
    .then(captureCaller)
