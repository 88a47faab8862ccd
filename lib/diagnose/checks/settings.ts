/** Sysctls and daemons that surprise. */

import { isFullnat } from '../../kernel/capabilities'
import type { Facts, Report } from '../facts'
import { flatMap, numberOf } from '../facts'

const ALWAYS = 3
const NEAR = 0.8

const DEFENCES = [
  ['drop_entry', 'drops connections at random'],
  ['drop_packet', 'drops first packets of new connections at a rate'],
  ['secure_tcp', 'gives TCP connections the short timeouts of an attack'],
] as const

const set = (name: string, value: number): string => `\`await ipvs.sysctl.set('${name}', ${value})\``

function checkDefences(facts: Facts, report: Report): void {
  for (const [name, does] of DEFENCES) {
    if (numberOf(facts, name) !== ALWAYS || facts.sysctls?.get(name)?.noEffect !== undefined) continue
    report({
      code: 'defence-always-on',
      subject: { sysctl: name },
      explanation: `${name} is 3: the kernel ${does}, whether memory is short or not.`,
      remedy: `Let it begin when memory is short, ${set(name, 1)}, or never: ${set(name, 0)}.`,
      evidence: { value: ALWAYS },
    })
  }
}

/** v3 ip_vs_conn.c:ip_vs_conn_new; mainline ≥ 7 has a limit for each namespace. */
function checkLimit(facts: Facts, report: Report): void {
  const name = facts.capabilities.dialect === 'fullnat-v3' ? 'conn_max_num' : 'conn_max'
  const limit = numberOf(facts, name)
  if (limit === undefined || limit <= 0) return
  const connections = flatMap(facts.services, ({ destinations }) => destinations).reduce(
    (sum, destination) => sum + destination.connections,
    0,
  )
  if (connections < limit * NEAR) return
  report({
    code: 'connection-limit-near',
    subject: { sysctl: name },
    explanation: `${Math.round((connections / limit) * 100)} % of the connections that ${name} allows are there; beyond it new ones are refused, on fullnat-v3 on each CPU by its share.`,
    remedy: `Raise it where there is memory, ${set(name, limit * 2)}, or shorten timeouts: \`ipvs.timeouts.set({ tcp })\`.`,
    evidence: { connections, limit },
  })
}

/** Mainline: ip_vs_core.c:ip_vs_in_hook, is_new_conn_expected; Documentation/networking/ipvs-sysctl.rst. */
function checkReuse(facts: Facts, report: Report): void {
  const mode = numberOf(facts, 'conn_reuse_mode')
  if (mode === undefined) return
  if (mode === 0) {
    report({
      code: 'connection-reuse-off',
      subject: { sysctl: 'conn_reuse_mode' },
      explanation:
        'conn_reuse_mode is 0: a client that uses a port again while its old connection is closing goes to the old destination, though that drains (weight 0) or is gone. Behind a NAT this never ends, and a drain does not either.',
      remedy: `Schedule such connections anew: ${set('conn_reuse_mode', 1)}.`,
      evidence: { conn_reuse_mode: mode },
    })
  } else if (numberOf(facts, 'conntrack') === 1) {
    report({
      code: 'connection-reuse-delayed',
      subject: { sysctl: 'conntrack' },
      explanation:
        'conntrack is 1, and conn_reuse_mode schedules reused ports anew: the first SYN of such a connection is dropped with its old conntrack entry, and the client waits a second until it sends the next.',
      remedy: `Do without conntrack where no firewall rule needs it: ${set('conntrack', 0)}.`,
      evidence: { conn_reuse_mode: mode, conntrack: 1 },
    })
  }
}

function checkDrains(facts: Facts, report: Report): void {
  if (numberOf(facts, 'expire_nodest_conn') === 1) {
    report({
      code: 'removal-cuts-connections',
      subject: { sysctl: 'expire_nodest_conn' },
      explanation:
        'expire_nodest_conn is 1: connections of a destination that is removed end with their next packet. With 0 they live on if it is added again before they time out, as a mistaken removal is mended.',
      remedy: `Drain before you remove: \`ipvs.destinations.update(service, destination, { weight: 0 })\` until it has no connections. Or ${set('expire_nodest_conn', 0)}.`,
      evidence: { expire_nodest_conn: 1 },
    })
  }
  const persistent = facts.services.filter((service) => service.persistent).length
  if (persistent > 0 && numberOf(facts, 'expire_quiescent_template') === 1) {
    report({
      code: 'drain-cuts-persistence',
      subject: { sysctl: 'expire_quiescent_template' },
      explanation:
        'There are persistent services, and expire_quiescent_template is 1: when a destination drains (weight 0), its clients move to another with their next connection, and lose what only the old one knows of them.',
      remedy: `Where sessions must end where they began: ${set('expire_quiescent_template', 0)}.`,
      evidence: { persistentServices: persistent, expire_quiescent_template: 1 },
    })
  }
}

export function checkSettings(facts: Facts, report: Report): void {
  checkDefences(facts, report)
  checkLimit(facts, report)
  checkReuse(facts, report)
  checkDrains(facts, report)
  if (!isFullnat(facts.capabilities.dialect)) return
  const bypass = numberOf(facts, 'cache_bypass')
  if (bypass !== undefined && bypass !== 0) {
    report({
      code: 'cache-bypass',
      subject: { sysctl: 'cache_bypass' },
      explanation:
        'cache_bypass makes connections without a destination, and FULLNAT kernels look into the destination of every connection (ip_vs_conn.c:ip_vs_hbind_laddr): a null pointer, in the softirq.',
      remedy: `Turn it off: ${set('cache_bypass', 0)}.`,
      evidence: { cache_bypass: bypass },
    })
  }
  for (const daemon of facts.daemons ?? []) {
    report({
      code: 'sync-daemon-on-fullnat',
      subject: { interface: daemon.interface },
      explanation: `A sync daemon runs (${daemon.state}). FULLNAT connections cannot be taken over by another director, and a backup that receives one whose destination it does not know looks into a null pointer (ip_vs_sync.c:ip_vs_process_message).`,
      remedy: `Stop it: \`await ipvs.daemons.stop('${daemon.state}')\`.`,
      evidence: { state: daemon.state },
    })
  }
}
