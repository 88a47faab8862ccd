/**
 * Virtual addresses: whether packets to them arrive, and what IPVS takes there that is for somebody else. FULLNAT kernels drop every
 * TCP packet to an address of a TCP service that is of no connection and no SYN to a service (ip_vs_proto_tcp.c:tcp_conn_schedule,
 * defence_tcp_drop), and all UDP to it (ip_vs_core.c:ip_vs_pre_routing, defence_udp_drop): docs/doctor.md.
 */

import { formatServiceKey } from '../../model/keys'
import type { Facts, Report } from '../facts'
import { groupBy, numberOf, SHOWN } from '../facts'
import { isWildcard, socketText } from '../logins'
import type { ServiceView } from '../view'

type AddressService = ServiceView & { readonly address: string }

const LET_TCP_PASS = "Or let such packets pass: `await ipvs.sysctl.set('defence_tcp_drop', 0)`."

function checkPresence(
  { own, capabilities }: Facts,
  address: string,
  services: readonly AddressService[],
  report: Report,
) {
  if (own.has(address) !== false) return
  const mainline = capabilities.dialect === 'mainline'
  report({
    code: 'virtual-address-absent',
    severity: mainline ? 'error' : 'warning',
    subject: { address },
    explanation: mainline
      ? 'The virtual address is not one of this machine: its packets are forwarded or dropped before IPVS sees them, which takes what is delivered locally.'
      : 'The virtual address is on no interface that is up. IPVS takes its packets before they are routed, but nobody answers for it on the link: they arrive only where a router sends them to the director.',
    remedy: `Add it: \`ip addr add ${address}/${address.includes(':') ? 128 : 32} dev DEVICE\`; a whole network at once: \`ip route add local NETWORK dev lo\`.`,
    evidence: {
      services: services.length,
      shown: services.slice(0, SHOWN).map(({ key }) => formatServiceKey(key)),
    },
  })
}

function checkLogin(
  facts: Facts,
  address: string,
  services: readonly AddressService[],
  report: Report,
): void {
  const sockets = facts.logins.get(address)
  if (!sockets) return
  const drops = numberOf(facts, 'defence_tcp_drop') === 1
  const tcp = services.filter(({ protocol }) => protocol === 'tcp')
  const taken = tcp.filter(({ port }) => port !== undefined && facts.loginPorts.includes(port))
  if (taken.length === 0 && !(drops && tcp.length > 0)) return
  report({
    code: 'login-swallowed',
    subject: { address },
    explanation:
      taken.length > 0
        ? 'People log in by this virtual address, and a service has the port of their logins: IPVS gives them to its destinations.'
        : 'People log in by this virtual address. It has a TCP service, and defence_tcp_drop is 1: IPVS drops their packets, those of sessions that are open now as well.',
    remedy: `Log in by an address that has no service, and let sshd listen there alone: \`ListenAddress OTHER\` in sshd_config, then \`service sshd reload\`. ${LET_TCP_PASS}`,
    evidence: {
      sockets: sockets.slice(0, SHOWN),
      services: tcp.slice(0, SHOWN).map(({ key }) => formatServiceKey(key)),
    },
  })
}

/** Programs that listen on the address alone, and connections from it. */
function checkSockets(
  facts: Facts,
  address: string,
  services: readonly AddressService[],
  report: Report,
): void {
  if (numberOf(facts, 'defence_tcp_drop') !== 1 || !services.some(({ protocol }) => protocol === 'tcp'))
    return
  const taken = new Set(services.map(({ port }) => port))
  const sockets = (facts.sockets.get(address) ?? []).filter(
    ({ local, remote }) =>
      !facts.loginPorts.includes(local.port) &&
      !taken.has(local.port) &&
      !(remote && facts.own.has(remote.address)),
  )
  if (sockets.length === 0) return
  report({
    code: 'socket-swallowed',
    subject: { address },
    explanation:
      'Programs of the director use this virtual address for TCP, and with defence_tcp_drop 1 none of the packets to it reach them: connections to them time out, and so do those that they make from it.',
    remedy: `Bind them to an address that has no service: see \`ss -tnp src ${address}\`. ${LET_TCP_PASS}`,
    evidence: { sockets: sockets.slice(0, SHOWN).map(socketText), count: sockets.length },
  })
}

function checkUdp(facts: Facts, services: readonly AddressService[], report: Report): void {
  if (numberOf(facts, 'defence_udp_drop') !== 1) return
  const tcp = services.find(({ protocol }) => protocol === 'tcp')
  if (!tcp) return
  for (const { key, protocol } of services) {
    if (protocol !== 'udp') continue
    report({
      code: 'udp-service-swallowed',
      subject: { service: key },
      explanation:
        'Its address has a TCP service, too, and with defence_udp_drop 1 all UDP to such an address is dropped before any service sees it.',
      remedy:
        "Let it pass: `await ipvs.sysctl.set('defence_udp_drop', 0)`; or give the service an address of its own.",
      evidence: { tcpService: formatServiceKey(tcp.key), defence_udp_drop: 1 },
    })
  }
}

export function checkVirtualAddresses(facts: Facts, report: Report): void {
  const { services, capabilities } = facts
  const addressed = services.filter((one): one is AddressService => one.address !== undefined)
  for (const [address, group] of groupBy(addressed, (one) => one.address)) {
    // A service on 0.0.0.0 is for all addresses.
    if (isWildcard(address)) continue
    checkPresence(facts, address, group, report)
    checkLogin(facts, address, group, report)
    if (!capabilities.fullnat) continue
    checkSockets(facts, address, group, report)
    checkUdp(facts, group, report)
  }
  const udp = services.filter(({ protocol, family }) => protocol === 'udp' && family === 'ipv4')
  if (!capabilities.fullnat || udp.length === 0 || numberOf(facts, 'defence_frag_drop') !== 1) return
  const v2 = capabilities.dialect === 'fullnat-v2'
  report({
    code: 'fragments-dropped',
    subject: { sysctl: 'defence_frag_drop' },
    explanation: `There are UDP services, and with defence_frag_drop 1 every IPv4 fragment is dropped, whoever it is for: a datagram above the MTU never arrives, unless connection tracking (nf_defrag_ipv4) puts it together first.${v2 ? '' : ' fullnat-v3 puts none together, so with 0 only the fragments without a UDP header pass.'}`,
    remedy:
      "Let fragments pass: `await ipvs.sysctl.set('defence_frag_drop', 0)`; or keep datagrams below the MTU.",
    evidence: { services: udp.length, shown: udp.slice(0, SHOWN).map(({ key }) => formatServiceKey(key)) },
  })
}
