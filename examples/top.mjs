// What goes by, twice: the heart of `ipvs-fullnat top`, which is this with a screen.
//
//   node examples/top.mjs
//
// Needs CAP_NET_ADMIN and a kernel with ip_vs: docs/install.md.
import { formatDestinationKey, formatServiceKey, Ipvs } from 'ipvs-fullnat'

const ipvs = await Ipvs.open()
let polls = 0
for await (const { snapshot, rates, error } of ipvs.watch({ interval: 2000 })) {
  if (error) console.error(error.message)
  // Rates are differences: they come with the second poll.
  for (const { service, destinations } of rates ? snapshot.services : []) {
    console.log(formatServiceKey(service), rates.service(service)?.connections.toFixed(1), 'connections/s')
    for (const one of destinations) {
      const { connections, inBytes } = rates.destination(service, one) ?? {}
      console.log('  ->', formatDestinationKey(one), connections, inBytes, `${one.activeConnections} active`)
    }
  }
  if (++polls === 2) break
}
await ipvs.close()
