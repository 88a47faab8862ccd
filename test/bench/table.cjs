// The table that everything here writes and reads, the same as in floor.c and pyroute2-peer.py: services TCP 192.0.X.Y:80,
// destinations 10.2.J.1:8080 and on through 10.3.0.1 and so forth, local addresses 10.1.0.K.
const serviceAddress = (i) => `192.0.${i >> 8}.${i & 255}`
const destinationAddress = (j) => `10.${2 + (j >> 8)}.${j & 255}.1`
const localAddress = (k) => `10.1.0.${k + 1}`
const times = (count, make) => Array.from({ length: count }, (_, i) => make(i))

/** `kernel` is what askKernel() said; one without FULLNAT gets no local addresses. */
function makeTable(kernel, { services, destinations, locals }) {
  const localCount = kernel.fullnat ? locals : 0
  return {
    kernel,
    fullnat: kernel.fullnat,
    forwarding: kernel.fullnat ? 'fullnat' : 'masquerade',
    services: times(services, (i) => ({ protocol: 'tcp', address: serviceAddress(i), port: 80 })),
    destinations: times(destinations, destinationAddress),
    locals: times(localCount, localAddress),
    /** Operations to write it, and records in it. */
    size: services * (1 + localCount + destinations),
  }
}

/** The first services of a table: a part of it for what takes too long with all. */
function partOf(table, share) {
  const services = table.services.slice(0, Math.ceil(table.services.length * share))
  return { ...table, services, isPart: true, size: (table.size / table.services.length) * services.length }
}

/** Adds the table to a client or a batch; `keep` is handed what each call returns. */
function addAll(target, table, keep = () => {}) {
  const { forwarding } = table
  for (const service of table.services) {
    keep(target.services.add({ ...service, scheduler: 'rr' }))
    for (const address of table.locals) keep(target.localAddresses.add(service, address))
    for (const address of table.destinations) {
      keep(target.destinations.add(service, { address, port: 8080, forwarding }))
    }
  }
}

/** Lines for `ipvsadm -R`. Alibaba's own options: -P -z adds a local address, -b is FULLNAT. */
function restoreLines(table) {
  const method = table.fullnat ? '-b' : '-m'
  return table.services.flatMap(({ address: vip }) => [
    `-A -t ${vip}:80 -s rr`,
    ...table.locals.map((address) => `-P -t ${vip}:80 -z ${address}`),
    ...table.destinations.map((address) => `-a -t ${vip}:80 -r ${address}:8080 ${method} -w 1`),
  ])
}

module.exports = { addAll, makeTable, partOf, restoreLines }
