/** Why IPVS cannot be spoken to, and what mends it. */

import { IpvsErrorCodes } from '../errors/ipvs-error'
import { finding } from './finding-list'
import type { Diagnosis, EvidenceValue, Finding } from './types'

interface Failure {
  readonly code: string
  readonly message: string
  readonly syscall: string | undefined
  readonly hint: string | undefined
}

type Explained = Pick<Finding, 'code' | 'explanation' | 'remedy'>

const NO_PRIVILEGE: Explained = {
  code: 'no-privilege',
  explanation:
    'This process lacks CAP_NET_ADMIN in the user namespace that owns its network namespace: IPVS then refuses reading as well as writing.',
  remedy:
    'Run it as root, give the program the capability with `setcap cap_net_admin+ep "$(command -v node)"`, or start the container with `--cap-add NET_ADMIN --network host`.',
}

const NAMESPACE_UNREACHABLE: Explained = {
  code: 'namespace-unreachable',
  explanation:
    'The network namespace that netns names cannot be entered: it does not exist, or this process lacks CAP_SYS_ADMIN there. 2.6.32 has no setns() at all.',
  remedy:
    'See what there is with `ip netns list`, and run as root; on FULLNAT kernels leave netns out: `Ipvs.open()`.',
}

const BY_CODE: { readonly [code: string]: Explained | undefined } = {
  [IpvsErrorCodes.NOT_LOADED]: {
    code: 'module-not-loaded',
    explanation:
      'IPVS answers neither netlink nor sockopt: the module ip_vs is not loaded, the kernel was built without it, or this network namespace has none.',
    remedy:
      'Load it with `modprobe ip_vs`, or open with `Ipvs.open({ loadModule: true })`. Where modprobe says that there is no such module, install the modules of the kernel that `uname -r` names.',
  },
  [IpvsErrorCodes.MODULE_CHANGED]: {
    code: 'module-not-loaded',
    explanation: 'ip_vs was unloaded, or loaded anew, since this client was opened: its table is gone.',
    remedy: 'Load it with `modprobe ip_vs` if it is not, and open a new client with `Ipvs.open()`.',
  },
  [IpvsErrorCodes.NAMESPACE]: {
    code: 'wrong-namespace',
    explanation:
      'This kernel has IPVS in the initial network namespace alone, and this process is in another: netlink hides it, and sockopt would change the table of the host.',
    remedy:
      'Run it in the initial network namespace, containers with `--network host`; 2.6.32 has no setns(), so no process can go there later.',
  },
  [IpvsErrorCodes.ADDON]: {
    code: 'addon-missing',
    explanation: 'The native addon of this package cannot be loaded on this machine.',
    remedy:
      'Build it with `npm rebuild ipvs-fullnat` (a C++20 compiler, make and python3; Linux on x64 or arm64), or install without `--ignore-scripts`.',
  },
  [IpvsErrorCodes.TIMEOUT]: {
    code: 'kernel-silent',
    explanation:
      'The kernel did not answer in time: a command of IPVS or of generic netlink holds its lock, or spins.',
    remedy:
      'Look at the kernel log with `dmesg`, and for processes in state D with `ps -eo state,pid,comm`; then try `Ipvs.open({ timeout: 60000 })`.',
  },
  [IpvsErrorCodes.UNSUPPORTED]: {
    code: 'transport-unsupported',
    explanation: 'IPVS is there, and does not speak the transport that was asked for.',
    remedy: "Let the library choose: `Ipvs.open({ transport: 'auto' })`.",
  },
  [IpvsErrorCodes.UNKNOWN_DIALECT]: {
    code: 'dialect-unknown',
    explanation:
      'The signs by which the kernels are told apart disagree, so the layout of what this kernel says is not known.',
    remedy:
      "Speak netlink, whose messages tell their own layout: `Ipvs.open({ transport: 'netlink' })`; and report the evidence.",
  },
  EPERM: NO_PRIVILEGE,
  EACCES: NO_PRIVILEGE,
}

const OTHER: Explained = {
  code: 'open-failed',
  explanation: 'IPVS could not be opened, for a reason that has no remedy of its own here.',
  remedy: 'Look at the evidence, and at the kernel log with `dmesg`.',
}

/** System calls that lead into another network namespace (native/sys/namespace.h). */
const ENTERING: readonly unknown[] = ['setns', 'open']

function explain({ code, syscall }: Failure): Explained {
  if (ENTERING.includes(syscall) && !code.startsWith('ERR_')) return NAMESPACE_UNREACHABLE
  return BY_CODE[code] ?? OTHER
}

function failureOf(error: unknown): Failure {
  const { code, message, syscall, hint } = (error ?? {}) as {
    readonly [name in keyof Failure]?: unknown
  }
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return {
    code: text(code) ?? 'none',
    message: text(message) ?? String(error),
    syscall: text(syscall),
    hint: text(hint),
  }
}

/** Whether the failure of a read says that IPVS itself cannot be spoken to. */
export const isFatal = (error: unknown): boolean => {
  const { code } = failureOf(error)
  return BY_CODE[code] !== undefined && code !== IpvsErrorCodes.UNSUPPORTED
}

export function failureFinding(error: unknown): Finding {
  const failure = failureOf(error)
  const evidence: { [name: string]: EvidenceValue } = { error: failure.code, message: failure.message }
  if (failure.syscall !== undefined) evidence.syscall = failure.syscall
  if (failure.hint !== undefined) evidence.hint = failure.hint
  return finding({ ...explain(failure), evidence })
}

/**
 * What it means that `Ipvs.open()` rejected with `error`, and what mends it: one finding. Sends nothing.
 *
 * ```ts
 * import { Ipvs } from 'ipvs-fullnat'
 * import { diagnoseOpenFailure } from 'ipvs-fullnat/diagnose'
 *
 * const ipvs = await Ipvs.open().catch((error) => {
 *   console.error(diagnoseOpenFailure(error).findings)
 *   throw error
 * })
 * ```
 */
export function diagnoseOpenFailure(error: unknown): Diagnosis {
  return {
    version: 1,
    dialect: 'unknown',
    transport: undefined,
    evidence: undefined,
    findings: [failureFinding(error)],
  }
}
