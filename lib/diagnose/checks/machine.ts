/** What the machine around IPVS must do for it: forward, and compute checksums. */

import type { Family } from '../../model/types'
import type { Facts, Report } from '../facts'
import { numberOf } from '../facts'

const FORWARDING: Readonly<Record<Family, string>> = {
  ipv4: 'net.ipv4.ip_forward',
  ipv6: 'net.ipv6.conf.all.forwarding',
}
const STRICT = 1

/** Services of a family whose real servers answer through the director as a router. */
function masqueraded({ services, own }: Facts, family: Family): number {
  return services.filter(({ destinations }) =>
    destinations.some(
      ({ forwarding, key, family: theirs }) =>
        theirs === family && forwarding === 'masquerade' && own.has(key.address) !== true,
    ),
  ).length
}

function checkForwarding(facts: Facts, report: Report): void {
  const { machine } = facts
  for (const family of ['ipv4', 'ipv6'] as const) {
    const services = masqueraded(facts, family)
    if (services === 0 || machine?.forwarding?.[family] !== false) continue
    report({
      code: 'forwarding-off',
      subject: { sysctl: FORWARDING[family] },
      explanation:
        'Destinations are masqueraded, so their answers are packets for others that come through the director, and it forwards none: every connection hangs after its first packet.',
      remedy: `Let it forward: \`sysctl -w ${FORWARDING[family]}=1\`.`,
      evidence: { services },
    })
  }
}

/**
 * Mainline takes packets that are delivered locally, behind the check of their way back (ip_input.c); FULLNAT kernels take them
 * before they are routed (ip_vs_core.c:ip_vs_ops, NF_INET_PRE_ROUTING), so that only masqueraded answers are checked there.
 */
function checkReversePath(facts: Facts, report: Report): void {
  const { services, machine, capabilities } = facts
  const concerned = capabilities.fullnat ? masqueraded(facts, 'ipv4') : services.length
  const others = (machine?.interfaces ?? []).filter(({ name }) => name !== 'lo')
  const strict = others
    .filter(({ reversePathFilter }) => reversePathFilter === STRICT)
    .map(({ name }) => name)
  if (concerned === 0 || others.length < 2 || strict.length === 0) return
  report({
    code: 'reverse-path-strict',
    subject: { sysctl: 'net.ipv4.conf.*.rp_filter' },
    explanation:
      'Strict reverse path filters drop packets that come in by another interface than the one that leads back to their sender: clients and real servers that are reached by several ways fail, and nothing of IPVS counts it.',
    remedy: `Where ways in and out differ, filter loosely: ${strict
      .map((name) => `\`sysctl -w net/ipv4/conf/${name}/rp_filter=2\``)
      .slice(0, 3)
      .join(', ')}.`,
    evidence: { interfaces: strict },
  })
}

/**
 * fullnat-v3 leaves the checksum to the device, from where it takes the header of IPv4 to end, also in IPv6 packets
 * (ip_vs_proto_tcp.c:tcp_fnat_in_handler, `csum_start`): only a device that finds the TCP header by itself gets it right.
 */
function checkChecksums(facts: Facts, report: Report): void {
  const { services, machine, own, capabilities } = facts
  if (capabilities.dialect !== 'fullnat-v3' || numberOf(facts, 'csum_offload') !== 1) return
  const concerned = services.filter(
    ({ family, destinations }) =>
      family === 'ipv6' &&
      destinations.some(({ forwarding }) => forwarding === 'fullnat' || forwarding === 'masquerade'),
  )
  const used = own.interfacesOf((address) => address.includes(':') && !address.startsWith('fe80:'))
  const without = (machine?.interfaces ?? [])
    .filter(({ name, ipv6Checksums }) => name !== 'lo' && used.has(name) && ipv6Checksums === false)
    .map(({ name }) => name)
  if (concerned.length === 0 || without.length === 0) return
  report({
    code: 'checksum-offload',
    subject: { sysctl: 'csum_offload' },
    explanation: `csum_offload is 1, and ${without.join(', ')} computes no checksums of IPv6 (veth and other virtual devices do not): packets of IPv6 services arrive with wrong ones, and real servers drop them.`,
    remedy: "Let the kernel compute them: `await ipvs.sysctl.set('csum_offload', 0)`.",
    evidence: { interfaces: without, services: concerned.length },
  })
}

export function checkMachine(facts: Facts, report: Report): void {
  checkForwarding(facts, report)
  checkReversePath(facts, report)
  checkChecksums(facts, report)
}
