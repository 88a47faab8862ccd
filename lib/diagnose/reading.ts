/** Reads the director and the machine; what cannot be read is a finding, never silence. */

import { IpvsErrorCodes } from '../errors/ipvs-error'
import type { CallOptions } from '../model/call-types'
import type { MachineInfo, MachinePart } from '../model/machine'
import type { ExtendedStatistics } from '../model/observed'
import type { SysctlInfo } from '../model/sysctls'
import type { DaemonInfo, Snapshot } from '../model/types'
import type { DiagnoseClient } from './client'
import { finding } from './finding-list'
import { failureFinding, isFatal } from './open-failure'
import type { Finding } from './types'

/** What is not known without it. */
const PARTS: Readonly<
  Record<MachinePart | 'table' | 'daemons' | 'sysctls' | 'counters' | 'machine', string>
> = {
  table: 'services, destinations and local addresses',
  daemons: 'sync daemons',
  sysctls: 'sysctls of IPVS, and with them what the kernel drops and how many ports it has',
  counters: 'extended counters (/proc/net/ip_vs_ext_stats)',
  machine: 'the machine: addresses, forwarding, sockets',
  addresses: 'addresses of this machine, and so which virtual and local addresses are missing',
  localNetworks: 'networks that are this machine’s own (/proc/net/fib_trie)',
  interfaces: 'interfaces: reverse path filters, checksum offloads',
  forwarding: 'whether packets are forwarded',
  sockets: 'TCP sockets of this machine, and so by which addresses people log in',
  cpus: 'CPUs that are online and reserve_core, and so which CPUs have local addresses',
}

type Part = keyof typeof PARTS

/** The caller gave up: that is no finding. */
const GIVEN_UP: readonly unknown[] = [IpvsErrorCodes.ABORT, IpvsErrorCodes.CLOSED]

export interface Reading {
  readonly snapshot: Snapshot | undefined
  readonly daemons: readonly DaemonInfo[] | undefined
  readonly sysctls: readonly SysctlInfo[] | undefined
  readonly machine: MachineInfo | undefined
  readonly counters: ExtendedStatistics | undefined
}

function unreadFinding(part: Part, code: string, message: string): Finding {
  const privilege = code === 'EPERM' || code === 'EACCES'
  const gone = code === 'ENOENT' || code === IpvsErrorCodes.UNSUPPORTED
  const advice = privilege
    ? 'Run it as root: `sudo`, or a container with `--privileged`.'
    : gone
      ? 'Show the process /proc and /sys: `ls /proc/sys/net/ipv4/vs`; containers mask them unless they are started with `--privileged`.'
      : 'Look at the message, and try again with `diagnose(ipvs, { timeout: 60000 })`.'
  return finding({
    code: 'could-not-look',
    subject: { part },
    explanation: `Could not look at ${PARTS[part]}: nothing is said of it below.`,
    remedy: advice,
    evidence: { error: code, message },
  })
}

export class Reader {
  readonly findings: Finding[] = []

  constructor(
    private readonly ipvs: DiagnoseClient,
    private readonly call: CallOptions,
  ) {}

  async first(): Promise<Reading> {
    const { ipvs, call } = this
    const snapshot = await this.ofKernel('table', () => ipvs.snapshot(call))
    // One refusal says it all.
    const daemons = snapshot && (await this.ofKernel('daemons', () => ipvs.daemons.list(call)))
    const sysctls = await this.ofFiles('sysctls', () => ipvs.sysctl.list(call))
    const machine = await this.ofFiles('machine', () => ipvs.machine(call))
    for (const { part, code, message } of machine?.unread ?? []) {
      this.findings.push(unreadFinding(part, code, message))
    }
    return { snapshot, daemons, sysctls, machine, counters: await this.counters() }
  }

  /** What grows meanwhile. */
  async second(): Promise<Pick<Reading, 'snapshot' | 'counters'>> {
    const { ipvs, call } = this
    const snapshot = await this.ofKernel('table', () => ipvs.snapshot(call))
    return { snapshot, counters: await this.counters() }
  }

  private async counters(): Promise<ExtendedStatistics | undefined> {
    if (!this.ipvs.capabilities.extendedStats) return undefined
    return this.ofFiles('counters', () => this.ipvs.extendedStats(this.call))
  }

  private ofKernel<T>(part: Part, read: () => Promise<T>): Promise<T | undefined> {
    return this.attempt(read, (error) =>
      isFatal(error) ? failureFinding(error) : unreadFinding(part, ...codeAndMessage(error)),
    )
  }

  private ofFiles<T>(part: Part, read: () => Promise<T>): Promise<T | undefined> {
    return this.attempt(read, (error) => unreadFinding(part, ...codeAndMessage(error)))
  }

  private async attempt<T>(
    read: () => Promise<T>,
    explain: (error: unknown) => Finding,
  ): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      const { code } = error as { readonly code?: unknown }
      // An error without a code is a defect, and not of the director.
      if (typeof code !== 'string' || GIVEN_UP.includes(code) || code.startsWith('ERR_INVALID_')) throw error
      this.findings.push(explain(error))
      return undefined
    }
  }
}

function codeAndMessage(error: unknown): [string, string] {
  const { code, message } = error as { readonly code: string; readonly message: string }
  return [code, message]
}
