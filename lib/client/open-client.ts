/** Finding out what answers on the other side of a transport. */

import { Dialect, Operation, Syscall, Transport as TransportNumber } from '../border/layout.gen'
import { readProbeRecord } from '../border/records.gen'
import { Reply } from '../border/reply'
import { packRequests } from '../border/request'
import type { Transport } from '../border/transport'
import { ownError } from '../errors/ipvs-error'
import { loadModule } from '../host/modprobe'
import type { Capabilities } from '../kernel/capabilities'
import { capabilitiesOf } from '../kernel/capabilities'
import type { Evidence } from '../kernel/detect'
import { chooseTransport, detect } from '../kernel/detect'
import { ERRNO } from '../kernel/errno'
import { kernelError } from '../kernel/errno-meanings'
import { outcomeError, syscallName } from '../kernel/outcome-error'
import type { ProbeRecord } from '../model/records.gen'
import type { NormalizedOpenOptions } from './open-options'

const DIALECTS = {
  unknown: Dialect.unknown,
  mainline: Dialect.mainline,
  'fullnat-v2': Dialect.fullnatV2,
  'fullnat-v3': Dialect.fullnatV3,
} as const

/** `Dialect` of layout.gen. */
export const dialectNumber = ({ dialect }: Capabilities): number => DIALECTS[dialect]

/** `Transport` of layout.gen. */
export const transportNumber = ({ transport }: Capabilities): number => TransportNumber[transport]

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

async function look(transport: Transport, timeout: number): Promise<Evidence> {
  const probe = await runProbe(transport, timeout)
  return {
    commands: probe.familyId === 0 ? undefined : probe.commands,
    familyId: probe.familyId,
    sockoptVersionError: probe.sockoptVersionError,
    sockoptLocalAddressError: probe.sockoptLocalAddressError,
    files: await transport.readKernelFiles(),
  }
}

/** Throws ERR_IPVS_NOT_LOADED, ERR_IPVS_NAMESPACE, ERR_IPVS_UNSUPPORTED, ERR_IPVS_UNKNOWN_DIALECT or ERR_IPVS_TIMEOUT. */
export async function identify(transport: Transport, options: NormalizedOpenOptions): Promise<Capabilities> {
  const requested = typeof options.transport === 'string' ? options.transport : 'auto'
  let evidence = await look(transport, options.timeout)
  if (
    options.loadModule &&
    evidence.commands === undefined &&
    evidence.sockoptVersionError === ERRNO.ENOPROTOOPT
  ) {
    await loadModule()
    evidence = await look(transport, options.timeout)
  }
  const chosen = chooseTransport(requested, evidence, options.force)
  return capabilitiesOf(detect(evidence).dialect, chosen, evidence.files, options.force)
}
