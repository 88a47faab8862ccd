// Prints the whole table: services, their destinations and local addresses, with counters.
//
//   node examples/list.mjs
//
// Needs CAP_NET_ADMIN and a kernel with ip_vs: docs/install.md.
import { pathToFileURL } from 'node:url'
import { formatDestinationKey, formatServiceKey, Ipvs } from 'ipvs-fullnat'
import { bytes, count, table } from './table.mjs'

const rate = ({ rates }) => rates && count(rates.connections)

/** The kernel lists what came last first. */
const inOrder = (destinations) =>
  destinations
    .map((one) => ({ ...one, name: formatDestinationKey(one) }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))

const traffic = ({ stats }) => [count(stats.connections), bytes(stats.inBytes), bytes(stats.outBytes)]

/** The lines of a listing of `snapshot()`. */
export function render({ services }, { rates, localAddresses }) {
  const counters = [
    { title: 'Conns', right: true },
    { title: 'In', right: true },
    { title: 'Out', right: true },
    ...(rates ? [{ title: 'Conns/s', right: true }] : []),
  ]
  const columns = [
    { title: 'Service / destination' },
    { title: 'Scheduler / method' },
    { title: 'Weight', right: true },
    { title: 'Active', right: true },
    { title: 'Inactive', right: true },
    ...counters,
  ]
  const rows = []
  const used = []
  for (const { service, destinations, localAddresses: locals } of services) {
    const name = formatServiceKey(service)
    rows.push([name, service.scheduler, '', '', '', ...traffic(service), rate(service.stats)])
    for (const one of inOrder(destinations)) {
      const active = [count(one.activeConnections), count(one.inactiveConnections)]
      const what = [`  -> ${one.name}`, one.forwarding, String(one.weight)]
      rows.push([...what, ...active, ...traffic(one), rate(one.stats)])
    }
    for (const one of locals) {
      used.push([name, one.address, count(one.connections), count(one.portConflicts)])
    }
  }
  const lines = table(columns, rows)
  if (!localAddresses) return lines
  const usedColumns = [
    { title: 'Local addresses of' },
    { title: 'Address' },
    { title: 'Connections', right: true },
    { title: 'Port conflicts', right: true },
  ]
  return [...lines, '', ...table(usedColumns, used)]
}

async function main() {
  const ipvs = await Ipvs.open()
  try {
    const lines = render(await ipvs.snapshot(), ipvs.capabilities)
    console.log(lines.join('\n'))
  } finally {
    await ipvs.close()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    console.error([error.message, error.hint].filter(Boolean).join('\n'))
    process.exitCode = 1
  })
}
