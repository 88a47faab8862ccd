// Samples of one direction by the name of the method, or why a method has none.
const { progress } = require('./options.cjs')

class Collection {
  /** `missing`: names that are not to be tried, and why. */
  constructor(missing = {}) {
    this.samples = {}
    this.missing = { ...missing }
  }

  /** A peer that fails is left out from then on: the tools of some kernels are incomplete. Ours and the floor must work. */
  async take({ name, peer, measure }, place) {
    if (this.missing[name] !== undefined) return
    try {
      const sample = await measure(place)
      this.samples[name] ??= []
      this.samples[name].push(sample)
    } catch (error) {
      if (!peer) throw error
      this.missing[name] = error.message
      delete this.samples[name]
      progress(`without ${name}: ${error.message}`)
    }
  }
}

module.exports = { Collection }
