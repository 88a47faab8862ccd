/** What a `Reconciler` has done since it was made, for `ipvs-fullnat/metrics`. */

export interface ReconcilerActivity {
  /** How many desired states came, and the number of the one that the kernel is. 0 before the first. */
  readonly generation: { readonly wanted: number; readonly reached: number }
  /** The kernel is what the newest desired state says, as far as it was seen. */
  readonly settled: boolean
  /** Rounds that failed in a row; 0 when the last one worked. */
  readonly failures: number
  /** Rounds by their cause. */
  readonly rounds: Readonly<Record<string, number>>
  /** Steps by what became of them; those that only tell are not counted. */
  readonly steps: Readonly<Record<string, number>>
  /** Objects that somebody else had changed. */
  readonly drift: number
  /** Rounds and desired states that failed, by the `code` of the error; `'other'` for errors that are not of this library. */
  readonly errors: Readonly<Record<string, number>>
  /** Destinations and local addresses that drain now. */
  readonly draining: number
  /** Steps of the last plan that are only told: what the kernel should be and is not. */
  readonly reports: number
}
