// Whether the prebuild for this machine loads and runs a job: what CI asks in images that have nothing but Node.
//
//   PREBUILDS_ONLY=1 node scripts/try-addon.cjs
process.env.PREBUILDS_ONLY = '1'
const { Ipvs } = require('..')

Ipvs.open().then(
  ({ dialect }) => console.log(`opened: ${dialect}`),
  (error) => {
    const ran = error.code === 'ERR_IPVS_NOT_LOADED' || error.code === 'EPERM'
    console.log(ran ? `the addon runs: ${error.code}` : error)
    if (!ran) process.exitCode = 1
  },
)
