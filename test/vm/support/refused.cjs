// Adds a service and prints what was wrong with it: { code, errno, syscall, kernelMessage, json }. Run by a test with
// shorten.c in between.

const { Ipvs } = require('../../../dist')

const SERVICE = { protocol: 'tcp', address: '192.0.2.77', port: 77, scheduler: 'rr' }

async function main() {
  const ipvs = await Ipvs.open({ transport: 'netlink', timeout: 120000 })
  const error = await ipvs.services.add(SERVICE).then(
    () => ({}),
    (reason) => reason,
  )
  const { code, errno, syscall, kernelMessage } = error
  console.log(JSON.stringify({ code, errno, syscall, kernelMessage, json: error }))
  await ipvs.close()
}

main()
