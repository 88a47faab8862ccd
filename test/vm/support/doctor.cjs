// Prints what the doctor says, as JSON. Run by a test as another user or in another network namespace.

const { Ipvs } = require('../../../dist')
const { diagnose, diagnoseOpenFailure } = require('../../../dist/diagnose')

async function main() {
  let ipvs
  try {
    ipvs = await Ipvs.open({ timeout: 120000 })
  } catch (error) {
    return diagnoseOpenFailure(error)
  }
  const diagnosis = await diagnose(ipvs, { interval: 1 })
  await ipvs.close()
  return diagnosis
}

main().then((diagnosis) => console.log(JSON.stringify(diagnosis)))
