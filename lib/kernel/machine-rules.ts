/**
 * Rules that look at the machine right before a request is sent: what was so when the call was made can have changed
 * since. A new one is an entry of RULES, and, where it looks at something new, a method of the transport.
 */

import { Operation } from '../border/layout.gen'
import type { About } from '../border/request-subject'
import type { CpuState, Transport } from '../border/transport'
import { IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import type { Capabilities } from './capabilities'

/** What the rules look at; each look is taken once for a turn. */
type Machine = Pick<Transport, 'readCpuState'>

interface MachineRule {
  /** `Operation` of layout.gen. */
  readonly operation: number
  /** This kernel has the trap. */
  applies(capabilities: Capabilities): boolean
  /** Throws where the request must not be sent. */
  check(machine: Machine, about: () => About): void
}

/** What must not be sent at all times. */
export interface Admission {
  /** `Operation` of layout.gen. */
  readonly operation: number
  /** Throws for a request that must not be sent now; `about` says what it is. */
  admit(about: () => About): void
}

/**
 * abi.md §11-6: fullnat-v3 divides by (online - reserve_core) with its mutex held, and uses the result as an index
 * (ip_vs_ctl.c:laddr_to_cpuid). Undefined (it cannot be told) passes. Throws ERR_IPVS_RESERVE_CORE.
 */
export function ruleReserveCore(cpuState: CpuState | undefined, about: () => About): void {
  if (!cpuState || (cpuState.reserved >= 0 && cpuState.reserved < cpuState.online)) return
  const { reserved, online } = cpuState
  const description = `reserve_core ${reserved} leaves none of ${online} CPUs for local addresses`
  throw ownError(IpvsErrorCodes.RESERVE_CORE, { ...about(), description })
}

const RULES: readonly MachineRule[] = [
  {
    operation: Operation.localAddressAdd,
    applies: ({ perCpuLocalAddresses }) => perCpuLocalAddresses,
    check: (machine, about) => ruleReserveCore(machine.readCpuState(), about),
  },
]

const NONE: readonly Admission[] = Object.freeze([])

/** The rules of this kernel for the trips of one turn: whoever changes the machine meanwhile is an administrator. */
export function admissionsOf(capabilities: Capabilities, machine: Machine): readonly Admission[] {
  const rules = RULES.filter((rule) => rule.applies(capabilities))
  if (rules.length === 0) return NONE
  let cpuState: { readonly value: CpuState | undefined } | undefined
  const look: Machine = {
    readCpuState() {
      cpuState ??= { value: machine.readCpuState() }
      return cpuState.value
    },
  }
  return rules.map(({ operation, check }) => ({ operation, admit: (about) => check(look, about) }))
}
