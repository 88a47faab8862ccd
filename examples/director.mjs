// Makes this machine a director: one virtual service, the real servers behind it and, on a FULLNAT kernel, the local
// addresses that its connections come from.
//
//   node examples/director.mjs 192.0.2.1:80 10.0.0.2:8080,10.0.0.3:8080 10.0.0.100,10.0.0.101
//
// Needs CAP_NET_ADMIN and a kernel with ip_vs: docs/install.md. Says what it did, and says "unchanged" when it is run again.
import { pathToFileURL } from 'node:url'
import { formatServiceKey, Ipvs, parseDestinationKey } from 'ipvs-fullnat'

/**
 * Brings the service to what is wanted, from whatever is there now. What stays the same is not touched, so its
 * connections go on. Resolves to one line per step.
 */
export async function configure(ipvs, { vip, realServers, localAddresses }) {
  const { capabilities } = ipvs
  const steps = []
  const service = { protocol: 'tcp', ...vip }
  const scheduler = 'rr'
  const result = await ipvs.services.ensure({ ...service, scheduler })
  steps.push(`service ${formatServiceKey(service)} (${scheduler}): ${result}`)

  // Before the destinations: a FULLNAT connection without a local address is dropped.
  if (capabilities.localAddresses) {
    const { added, removed } = await ipvs.localAddresses.set(service, localAddresses)
    steps.push(`local addresses: ${added.length} added, ${removed.length} removed`)
    // fullnat-v3 gives every local address to one CPU: each CPU needs one.
    const { uncovered } = await ipvs.localAddresses.coverage(service)
    if (uncovered.length > 0) steps.push(`no local address for CPU ${uncovered.join(', ')}`)
  }

  const forwarding = capabilities.fullnat ? 'fullnat' : 'masquerade'
  for (const realServer of realServers) {
    const result = await ipvs.destinations.ensure(service, { ...realServer, forwarding, weight: 1 })
    steps.push(`destination ${realServer.address}:${realServer.port} (${forwarding}): ${result}`)
  }
  for (const { address, port } of await ipvs.destinations.list(service)) {
    const isWanted = realServers.some((one) => one.address === address && one.port === port)
    if (isWanted) continue
    await ipvs.destinations.remove(service, { address, port })
    steps.push(`destination ${address}:${port}: removed`)
  }
  return steps
}

async function main([vip, realServers, localAddresses = '']) {
  const endpoints = [vip, ...(realServers ?? '').split(',')].map((text) => parseDestinationKey(text ?? ''))
  if (endpoints.includes(undefined)) {
    throw new Error('usage: director.mjs VIP:PORT SERVER:PORT[,SERVER:PORT…] [LOCAL-ADDRESS,…]')
  }
  const [service, ...servers] = endpoints
  const ipvs = await Ipvs.open()
  try {
    const wanted = {
      vip: service,
      realServers: servers,
      localAddresses: localAddresses.split(',').filter(Boolean),
    }
    for (const step of await configure(ipvs, wanted)) console.log(step)
  } finally {
    await ipvs.close()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(process.argv.slice(2)).catch((error) => {
    // An IpvsError says what to do about it.
    console.error([error.message, error.hint].filter(Boolean).join('\n'))
    process.exitCode = 1
  })
}
