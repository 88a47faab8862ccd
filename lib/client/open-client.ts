/** Finding out what answers on the other side of a transport. */

import { checkByteOrder } from '../border/byte-order'
import { Dialect, Operation, Syscall, Transport as TransportNumber } from '../border/layout.gen'
import { readProbeRecord } from '../border/records.gen'
import { Reply } from '../border/reply'
import { packRequests } from '../border/request'
import type { KernelFiles, Transport } from '../border/transport'
import type { KernelIdentity } from '../dispatch/settle-trip'
import { withinLimits } from '../dispatch/within-limits'
import { IpvsError, ownError } from '../errors/ipvs-error'
import { loadModule } from '../host/modprobe'
import type { Capabilities } from '../kernel/capabilities'
import { capabilitiesOf } from '../kernel/capabilities'
import type { DialectEvidence, Evidence, FileEvidence } from '../kernel/detect'
import { chooseTransport, describeEvidence, detect } from '../kernel/detect'
import { ERRNO } from '../kernel/errno'
import { kernelError } from '../kernel/errno-meanings'
import { outcomeError, syscallName } from '../kernel/outcome-error'
import type { ProbeRecord } from '../model/records.gen'
import { parseExtStatsRows } from '../procfs/extended-statistics'
import { readKernelText } from './kernel-text'
import type { NormalizedOpenOptions } from './open-options'

const DIALECTS = {
  unknown: Dialect.unknown,
  mainline: Dialect.mainline,
  'fullnat-v2': Dialect.fullnatV2,
  'fullnat-v3': Dialect.fullnatV3,
} as const

export const kernelIdentity = ({ dialect, transport }: Capabilities): KernelIdentity => ({
  dialect,
  dialectNumber: DIALECTS[dialect],
  transportNumber: TransportNumber[transport],
})

const ENGINE_FIRST_MS = 500

async function runProbe(transport: Transport, timeout: number): Promise<ProbeRecord> {
  const request = { fields: { operation: Operation.probe }, transport: TransportNumber.netlink, timeout }
  let probe: ProbeRecord | undefined
  let failed: Error | undefined
  await transport.run(packRequests([request], Dialect.unknown), (buffer) => {
    try {
      const reply = new Reply(buffer)
      if (reply.probes.count > 0) probe = readProbeRecord(reply, reply.probes.start)
      const outcome = reply.outcomes.count > 0 ? reply.outcome(0) : undefined
      if (outcome && outcome.error !== 0) failed = outcomeError(outcome, 'open', {}, 'unknown')
    } catch (error) {
      failed = error as Error
    }
  })
  if (failed) throw failed
  if (!probe) throw ownError('ERR_IPVS_MALFORMED_REPLY', { operation: 'open' })
  // The namespace could not be entered: nothing that was seen is about it.
  if (probe.netlinkSyscall === Syscall.open || probe.netlinkSyscall === Syscall.setns) {
    const syscall = syscallName(probe.netlinkSyscall)
    throw kernelError({
      errno: probe.netlinkError,
      syscall,
      operation: 'open',
      dialect: 'unknown',
      sent: false,
    })
  }
  return probe
}

/**
 * Only where there is no family is netlink not spoken here: ENOENT of the look-up (ip_vs is not loaded, or not in this
 * namespace), or no generic netlink at all. All else passes, or has a reason of its own that the caller must know.
 */
const NO_FAMILY: readonly number[] = [
  ERRNO.ENOENT,
  ERRNO.EPROTONOSUPPORT,
  ERRNO.EAFNOSUPPORT,
  ERRNO.ECONNREFUSED,
]

function checkNetlink({ netlinkError, netlinkSyscall }: ProbeRecord): void {
  if (netlinkError === 0 || NO_FAMILY.includes(netlinkError)) return
  if (netlinkError === ERRNO.ETIMEDOUT) throw ownError('ERR_IPVS_TIMEOUT', { operation: 'open' })
  const syscall = syscallName(netlinkSyscall)
  throw kernelError({ errno: netlinkError, syscall, operation: 'open', dialect: 'unknown', sent: false })
}

/** What this kernel does not have, or does not show, is no evidence; all else is a defect of the transport. */
function absent(error: unknown): undefined {
  if (typeof (error as { errno?: unknown }).errno !== 'number') throw error
  return undefined
}

async function lookAtFiles(files: KernelFiles): Promise<FileEvidence> {
  const sysctls = (await files.listSysctls().catch(absent)) ?? []
  const extStats = await readKernelText(files, 'ip_vs_ext_stats').catch(absent)
  return {
    connMaxNum: sysctls.includes('conn_max_num'),
    fullnatSysctl: sysctls.includes('fullnat_lport_min'),
    extStats: extStats === undefined ? undefined : parseExtStatsRows(extStats),
  }
}

async function look(transport: Transport, options: NormalizedOpenOptions): Promise<Evidence> {
  const probe = await runProbe(transport, options.timeout)
  // Whoever asks for socket options does not care.
  if (options.transport !== 'sockopt') checkNetlink(probe)
  return {
    commands: probe.familyId === 0 ? undefined : probe.commands,
    familyId: probe.familyId,
    sockoptVersionError: probe.sockoptVersionError,
    sockoptLocalAddressError: probe.sockoptLocalAddressError,
    files: await lookAtFiles(transport.files),
  }
}

async function loadModuleWithin(options: NormalizedOpenOptions): Promise<void> {
  const { done, stop } = loadModule()
  try {
    await withinLimits(() => done, options, 'open')
  } finally {
    stop()
    done.catch(() => {})
  }
}

export interface Identified {
  readonly capabilities: Capabilities
  readonly evidence: DialectEvidence
}

/** Socket options ask for the capability before anything else (ip_vs_ctl.c:do_ip_vs_get_ctl), each call over netlink does. */
function checkPrivilege({ sockoptVersionError }: Evidence): void {
  if (sockoptVersionError !== ERRNO.EPERM) return
  throw new IpvsError({
    code: 'EPERM',
    errno: -ERRNO.EPERM,
    syscall: 'getsockopt',
    operation: 'open',
    description: 'not permitted',
    hint: 'CAP_NET_ADMIN is needed in the user namespace that owns the network namespace; unprivileged: true opens without it.',
  })
}

/**
 * Each look and modprobe may take `timeout`; `signal` ends them at once. Throws ERR_IPVS_NOT_LOADED, ERR_IPVS_NAMESPACE,
 * ERR_IPVS_UNSUPPORTED, ERR_IPVS_UNKNOWN_DIALECT, ERR_IPVS_TIMEOUT, ABORT_ERR, EPERM, or what the kernel said.
 */
export async function identify(transport: Transport, options: NormalizedOpenOptions): Promise<Identified> {
  checkByteOrder()
  const requested = typeof options.transport === 'string' ? options.transport : 'auto'
  // The engine has the same deadline, and tells more when it is there to see it pass.
  const limits = { signal: options.signal, timeout: options.timeout && options.timeout + ENGINE_FIRST_MS }
  const lookNow = () => withinLimits(() => look(transport, options), limits, 'open')
  let evidence = await lookNow()
  if (
    options.loadModule &&
    evidence.commands === undefined &&
    evidence.sockoptVersionError === ERRNO.ENOPROTOOPT
  ) {
    await loadModuleWithin(options)
    evidence = await lookNow()
  }
  const chosen = chooseTransport(requested, evidence, options.force)
  if (!options.unprivileged) checkPrivilege(evidence)
  const { dialect } = detect(evidence)
  return {
    capabilities: capabilitiesOf(dialect, chosen, evidence.files, options.force),
    evidence: describeEvidence(evidence),
  }
}

/** The same after a lost socket: it must be the kernel that it was. Throws as `identify`, and ERR_IPVS_MODULE_CHANGED. */
export async function identifyAgain(
  transport: Transport,
  options: NormalizedOpenOptions,
  before: Capabilities,
): Promise<Identified> {
  const now = await identify(transport, {
    ...options,
    loadModule: false,
    signal: undefined, // it was for opening
    unprivileged: true, // each call tells
  })
  const { dialect, transport: kind } = now.capabilities
  if (dialect === before.dialect && kind === before.transport) return now
  throw ownError('ERR_IPVS_MODULE_CHANGED', { operation: 'open' })
}
