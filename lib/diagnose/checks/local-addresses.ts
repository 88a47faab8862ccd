/** Local addresses: where they are, what else they are, and whether each CPU of fullnat-v3 has one. */

import { coverage, localAddressCpu } from '../../kernel/local-address-coverage'
import { lastByte, parseAddress } from '../../model/address'
import { formatServiceKey } from '../../model/keys'
import type { LocalAddressInfo } from '../../model/types'
import type { Facts, Report } from '../facts'
import { flatMap, groupBy, SHOWN } from '../facts'
import type { ServiceView } from '../view'

type Cpus = NonNullable<NonNullable<Facts['machine']>['cpus']>

/** In the order of a list of the kernel, which is grouped by CPU (ip_vs_ctl.c:ip_vs_genl_dump_laddrs). */
function listed({ localAddresses }: ServiceView, { online, reserved }: Cpus): LocalAddressInfo[] {
  const known = flatMap(localAddresses, ({ info }) => (info ? [info] : []))
  if (known.length === localAddresses.length) return known
  const cpuOf = (address: string) => {
    const packed = parseAddress(address)
    return packed ? localAddressCpu(lastByte(packed), online, reserved) : 0
  }
  return localAddresses
    .map(({ address }) => ({ address, portConflicts: BigInt(0), connections: 0 }))
    .sort((one, other) => cpuOf(one.address) - cpuOf(other.address))
}

function checkCoverage(service: ServiceView, cpus: Cpus, report: Report): void {
  const { uncovered, uncertain } = coverage(listed(service, cpus), cpus)
  const isNew = service.localAddresses.some(({ info }) => info === undefined)
  // A reserve_core that is 0 as at the start was hardly another in between.
  const unsure = isNew || cpus.reserved === 0 ? [] : uncertain
  const without = uncovered.filter((cpu) => !unsure.includes(cpu))
  const addresses = service.localAddresses.map(({ address }) => address)
  const evidence = { online: cpus.online, reserveCore: cpus.reserved, addresses: addresses.slice(0, SHOWN) }
  const rule = `the last byte of an address modulo ${cpus.online - cpus.reserved}, plus ${cpus.reserved}, is its CPU`
  if (without.length > 0) {
    report({
      code: 'cpu-without-local-address',
      subject: { service: service.key },
      explanation: `CPU ${without.join(', ')} has no local address of the service: every connection whose first packet arrives there is dropped without an answer.`,
      remedy: `Add an address for each (${rule}): \`ipvs.localAddresses.add(service, address)\`; and steer the packets of a local address to its CPU, with the flow director of the network card.`,
      evidence: { ...evidence, cpus: without },
    })
  }
  if (unsure.length > 0) {
    report({
      code: 'cpu-perhaps-without-local-address',
      subject: { service: service.key },
      explanation: `CPU ${unsure.join(', ')} may have no local address of the service: an address stays on the CPU that reserve_core chose when it was added, and the kernel does not tell which that was.`,
      remedy: `To be certain, remove the addresses and add them again, one after the other: \`ipvs.localAddresses.remove(service, address)\`, \`ipvs.localAddresses.add(service, address)\` (${rule}).`,
      evidence: { ...evidence, cpus: unsure },
    })
  }
}

function checkCpus({ capabilities, machine, services }: Facts, report: Report): void {
  const cpus = machine?.cpus
  if (!capabilities.perCpuLocalAddresses || !cpus) return
  if (cpus.reserved >= cpus.online) {
    report({
      code: 'reserve-core-leaves-none',
      subject: { sysctl: 'reserve_core' },
      explanation:
        'reserve_core leaves no CPU for local addresses: when the next one is added, the kernel divides by zero with the lock of IPVS held (ip_vs_ctl.c:laddr_to_cpuid).',
      remedy: "Lower it before anybody adds one: `await ipvs.sysctl.set('reserve_core', 0)`.",
      evidence: { online: cpus.online, reserveCore: cpus.reserved },
    })
    return
  }
  for (const service of services) {
    const fullnat = service.destinations.some(({ forwarding }) => forwarding === 'fullnat')
    if (fullnat && service.localAddresses.length > 0) checkCoverage(service, cpus, report)
  }
}

export function checkLocalAddresses(facts: Facts, report: Report): void {
  checkCpus(facts, report)
  const { services, own } = facts
  const virtual = new Map<string, ServiceView>()
  for (const one of services) if (one.address !== undefined) virtual.set(one.address, one)
  const used = flatMap(services, (service) =>
    service.localAddresses.map(({ address }) => ({ address, service: formatServiceKey(service.key) })),
  )
  for (const [address, users] of groupBy(used, (one) => one.address)) {
    const evidence = { services: users.length, shown: users.slice(0, SHOWN).map(({ service }) => service) }
    const subject = { address }
    if (own.has(address) === false) {
      report({
        code: 'local-address-absent',
        subject,
        explanation:
          'The local address is on no interface that is up. Nobody answers for it when a real server asks for its MAC address, so its packets come back only where a router sends them to the director. The library adds no addresses.',
        remedy: `Add it on the interface towards the real servers: \`ip addr add ${address}/${address.includes(':') ? 128 : 32} dev DEVICE\`.`,
        evidence,
      })
    }
    const service = virtual.get(address)
    if (service) {
      report({
        code: 'local-address-is-virtual',
        subject,
        explanation:
          'The local address is the address of a service, too: with defence_tcp_drop 1 all TCP packets to it that are of no connection and no SYN to a service are dropped, and with defence_udp_drop 1 all UDP.',
        remedy:
          'Take another: `ipvs.localAddresses.add(service, other)`, then `ipvs.localAddresses.remove(service, address)`.',
        evidence: { ...evidence, virtualOf: formatServiceKey(service.key) },
      })
    }
    const sockets = facts.logins.get(address)
    if (sockets) {
      report({
        code: 'local-address-is-login',
        subject,
        explanation:
          'People log in by this local address. They get in, but connections that the director makes from it (health checks, ssh to a real server) can take the port of a FULLNAT connection to the same real server: IPVS then gives their answers to a client.',
        remedy: `Take an address that is used for nothing else: \`ip addr add OTHER dev DEVICE\`, \`ipvs.localAddresses.add(service, other)\`, then \`ipvs.localAddresses.remove(service, '${address}')\`.`,
        evidence: { ...evidence, sockets: sockets.slice(0, SHOWN) },
      })
    }
  }
}
