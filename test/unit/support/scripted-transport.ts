/** A transport that answers packed jobs as a script says: no kernel, no addon. */

import { presence } from '../../../lib/border/layout.gen'
import type { DataSection, SectionName } from '../../../lib/border/reply'
import type { CpuState, KernelFileName, KernelFiles, Transport } from '../../../lib/border/transport'
import { Ipvs } from '../../../lib/client/ipvs'
import type { OpenOptions } from '../../../lib/client/open-options'
import type { IpvsError } from '../../../lib/errors/ipvs-error'
import type { FileEvidence } from '../../../lib/kernel/detect'
import { fileError } from '../../../lib/kernel/file-error'
import { AF_INET6, type PackedAddress, parseAddress } from '../../../lib/model/address'
import {
  outcomeFlags,
  type ReadJob,
  type ReadRequest,
  type RecordOf,
  readJob,
  record,
  type Some,
  type SomeSections,
  writeReply,
} from './border'

/** What one request is answered with; no errno is success. */
export interface Answer extends Pick<SomeSections, DataSection> {
  errno?: number
  syscall?: number
  /** `outcomeFlags`; default: it was sent. */
  flags?: number
}

/** Undefined for plain success, null for no outcome at all. */
export type Script = (request: ReadRequest, job: ReadJob) => Answer | null | undefined

export const ENOENT = 2
export const ESRCH = 3
export const EEXIST = 17

const bits = (...commands: number[]) =>
  commands.reduce((mask, n) => mask | (BigInt(1) << BigInt(n)), BigInt(0))
export const MAINLINE_COMMANDS = bits(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17)
export const FULLNAT_COMMANDS = MAINLINE_COMMANDS | bits(18, 19, 20)

export const NO_FILES: FileEvidence = { connMaxNum: false, fullnatSysctl: false, extStats: undefined }
export const V2_FILES: FileEvidence = {
  connMaxNum: false,
  fullnatSysctl: true,
  extStats: ['fullnat_add_toa_ok', 'defence_ip_frag_gather'],
}
export const V3_FILES: FileEvidence = {
  connMaxNum: true,
  fullnatSysctl: true,
  extStats: ['fullnat_add_toa_ok', 'conn_exceeded'],
}

export const PROBES = {
  mainline: { commands: MAINLINE_COMMANDS, familyId: 0x1b, sockoptLocalAddressError: 92 },
  'fullnat-v2': { commands: FULLNAT_COMMANDS, familyId: 0x12, sockoptLocalAddressError: 3 },
  'fullnat-v3': { commands: FULLNAT_COMMANDS, familyId: 0x12, sockoptLocalAddressError: 3 },
  absent: { netlinkError: 2, netlinkSyscall: 0, sockoptVersionError: 92, sockoptLocalAddressError: 92 },
} as const
export const FILES = { mainline: NO_FILES, 'fullnat-v2': V2_FILES, 'fullnat-v3': V3_FILES, absent: NO_FILES }
export type Kernel = keyof typeof PROBES

export class ScriptedTransport implements Transport {
  /** What was run, the probes left out. */
  readonly jobs: ReadJob[] = []
  probes = 0
  closed = 0
  evidence: FileEvidence
  readonly files: KernelFiles = {
    open: async (name: KernelFileName) => {
      const { extStats } = this.evidence
      if (name !== 'ip_vs_ext_stats' || !extStats) throw fileError(ENOENT, 'open', name)
      const pieces = [Buffer.from(extStats.map((row) => `${row}: 0\n`).join(''))]
      return { read: async (into) => pieces.shift()?.copy(into) ?? 0, close: () => {} }
    },
    listSysctls: async () => {
      const { connMaxNum, fullnatSysctl } = this.evidence
      return [...(connMaxNum ? ['conn_max_num'] : []), ...(fullnatSysctl ? ['fullnat_lport_min'] : [])]
    },
    readSysctl: async (name) => Promise.reject(fileError(ENOENT, 'open', name)),
    writeSysctl: async (name) => Promise.reject(fileError(ENOENT, 'open', name)),
  }
  cpuState: CpuState | undefined = { online: 4, reserved: 0 }
  probe: Some<RecordOf<'probes'>>
  /** Records of one reply at most. */
  chunk = Number.POSITIVE_INFINITY
  /** Runs in place of the reply. */
  intercept: ((job: ReadJob, onReply: (reply: ArrayBuffer) => void) => Promise<void> | undefined) | undefined
  private gate: Promise<void> | undefined
  private open: (() => void) | undefined
  private arrivals: (() => void)[] = []

  constructor(
    kernel: Kernel,
    public script: Script = () => undefined,
  ) {
    this.probe = PROBES[kernel]
    this.evidence = FILES[kernel]
  }

  /** Jobs wait until `release()`. */
  hold(): void {
    this.gate = new Promise((resolve) => {
      this.open = resolve
    })
  }

  release(): void {
    this.open?.()
    this.gate = undefined
  }

  /** Resolves when there are that many jobs. */
  async arrived(jobs: number): Promise<void> {
    while (this.jobs.length < jobs) await new Promise<void>((resolve) => this.arrivals.push(resolve))
  }

  async run(request: ArrayBuffer, onReply: (reply: ArrayBuffer) => void): Promise<void> {
    const job = readJob(request)
    if (job.requests[0]?.operation === 'probe') {
      this.probes++
      onReply(writeReply({ outcomes: [{ flags: outcomeFlags.sent }], probes: [this.probe] }))
      return
    }
    this.jobs.push(job)
    const arrivals = this.arrivals
    this.arrivals = []
    for (const resolve of arrivals) resolve()
    await this.gate
    const intercepted = this.intercept?.(job, onReply)
    if (intercepted) return intercepted
    for (const reply of this.answer(job)) onReply(reply)
  }

  readCpuState(): CpuState | undefined {
    return this.cpuState
  }

  close(): void {
    this.closed++
  }

  /** `services.add`, … of all requests so far. */
  get operations(): string[] {
    return this.jobs.flatMap(({ requests }) => requests.map(({ operation }) => operation))
  }

  /** The operations of each job. */
  get trips(): string[][] {
    return this.jobs.map(({ requests }) => requests.map(({ operation }) => operation))
  }

  private answer(job: ReadJob): ArrayBuffer[] {
    const pieces: [SectionName, object][] = []
    job.requests.forEach((request, requestIndex) => {
      const answer = this.script(request, job)
      if (answer === null) return
      const { errno = 0, syscall = 3, flags = outcomeFlags.sent, ...sections } = answer ?? {}
      for (const [name, records] of Object.entries(sections)) {
        for (const fields of records ?? []) pieces.push([name as SectionName, { ...fields, requestIndex }])
      }
      pieces.push(['outcomes', { requestIndex, error: errno, syscall: errno === 0 ? 0 : syscall, flags }])
    })
    const replies: ArrayBuffer[] = []
    do {
      const sections: Partial<Record<SectionName, object[]>> = {}
      for (const [name, fields] of pieces.splice(0, this.chunk)) {
        const list = sections[name] ?? []
        list.push(fields)
        sections[name] = list
      }
      replies.push(writeReply(sections as SomeSections, pieces.length > 0))
    } while (pieces.length > 0)
    return replies
  }
}

/** A client of a scripted kernel. */
export async function openScripted(
  kernel: Exclude<Kernel, 'absent'>,
  script?: Script,
  options?: OpenOptions,
): Promise<{ ipvs: Ipvs; transport: ScriptedTransport }> {
  const transport = new ScriptedTransport(kernel, script)
  return { ipvs: await Ipvs.open({ ...options, transport }), transport }
}

export function packed(text: string): PackedAddress {
  const address = parseAddress(text)
  if (!address) throw new Error(`no address: ${text}`)
  return address
}

export function serviceRecord(address: string, port: number, more: Some<RecordOf<'services'>> = {}) {
  const key = { address: packed(address), port, protocol: 6 }
  const netmask = key.address.family === AF_INET6 ? 128 : 0xffffffff
  const usual = { key, config: { netmask, scheduler: 'wlc', flags: 2 }, present: presence.stats }
  return record('services', usual, more)
}

export function destinationRecord(address: string, port: number, more: Some<RecordOf<'destinations'>> = {}) {
  const key = { address: packed(address), port }
  return record('destinations', { key, config: { weight: 1 }, present: presence.stats }, more)
}

export const localAddressRecord = (address: string, more: Some<RecordOf<'localAddresses'>> = {}) =>
  record('localAddresses', { key: { address: packed(address) } }, more)

/** What a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<IpvsError> {
  try {
    await promise
  } catch (error) {
    return error as IpvsError
  }
  throw new Error('it did not reject')
}
