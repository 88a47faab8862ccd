// A gate must not fail by chance: under CI the property tests start from one seed, everywhere else from a new one, which
// fast-check prints where something fails.

import fc from 'fast-check'

if (process.env.CI) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20261123 })
