/** `ipvs.sysctl`: /proc/sys/net/ipv4/vs. */

import { withCallerStack } from '../dispatch/caller-stack'
import { invalidValue, outOfRange } from '../errors/argument-errors'
import { IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import { checkProperties, PropertyNames } from '../input/properties'
import { checkInteger, checkString } from '../input/values'
import type { FileError } from '../kernel/file-error'
import { PROC_SYSCTL } from '../kernel/file-error'
import { ruleWrites } from '../kernel/rules'
import type { SysctlName, SysctlValueOf } from '../kernel/sysctls'
import { describeSysctl, SYSCTLS, sysctlAvailability, sysctlFacts } from '../kernel/sysctls'
import type { SysctlFacts } from '../kernel/sysctls/facts'
import { checkSysctl, localPortSteps, withoutEffect } from '../kernel/sysctls/values'
import type { CallOptions } from '../model/call-types'
import type { LocalPortRange, SysctlInfo, SysctlValue } from '../model/sysctls'
import type { FileClient } from './file-call'
import { meantSysctl, SysctlCall } from './sysctl-call'
import { Turns } from './turns'

/** Those that are known, and any other. */
type AnyName = SysctlName | (string & {})

const NAME = /^[a-z0-9_]+$/i
const LOCAL_PORTS = new PropertyNames(['min', 'max'])

function checkName(value: unknown): string {
  const name = checkString(value, 'name')
  if (!NAME.test(name)) throw invalidValue('name', `must be a name in ${PROC_SYSCTL}`, value)
  return name
}

/** Its facts, if it is known. Throws where this kernel cannot have it. */
function factsHere({ context, operation }: SysctlCall, name: string): SysctlFacts | undefined {
  const facts = sysctlFacts(name)
  const { dialect } = context.capabilities
  if (!facts || dialect === 'unknown' || facts.dialects.includes(dialect)) return facts
  throw ownError(IpvsErrorCodes.UNSUPPORTED, {
    operation,
    description: `${dialect} has no sysctl ${name}`,
    hint: `It is there on: ${sysctlAvailability(facts)}.`,
  })
}

/** For writes; one that is not known is written by force only. */
function writableHere(call: SysctlCall, name: string): SysctlFacts | undefined {
  const { operation, context } = call
  const facts = factsHere(call, name)
  ruleWrites(context.capabilities, operation)
  if (facts || context.force) return facts
  const meant = meantSysctl(name)
  throw ownError(IpvsErrorCodes.UNSUPPORTED, {
    operation,
    description: `the sysctl ${name} is not known, so nothing tells what may be written`,
    hint: meant ? `Did you mean ${meant}?` : '{ force: true } at Ipvs.open() writes texts all the same.',
  })
}

function checkValue(
  { operation, context }: SysctlCall,
  name: string,
  facts: SysctlFacts | undefined,
  value: unknown,
): SysctlValue {
  if (!facts) {
    const text = checkString(value, 'value')
    if (!/^[ -~]+$/.test(text)) throw invalidValue('value', 'must be a line of printable characters', value)
    return text
  }
  const { dialect } = context.capabilities
  const checked = checkSysctl(facts, value, dialect)
  const reason = withoutEffect(facts, checked, dialect)
  if (reason === undefined) return checked
  throw ownError(IpvsErrorCodes.UNSUPPORTED, {
    operation,
    description: `${name} has no effect: ${reason}`,
    hint: 'Do without it on this kernel; its default can be written.',
  })
}

/** One end, so that it is not beyond the other. */
async function checkLocalPort(call: SysctlCall, name: string, value: number): Promise<void> {
  const { min, max } = await call.localPorts()
  const [crosses, range] =
    name === 'fullnat_lport_min'
      ? [value > max, `<= fullnat_lport_max (${max})`]
      : [value < min, `>= fullnat_lport_min (${min})`]
  if (crosses) throw outOfRange('value', `${range}, or both at once by setLocalPorts()`, value)
}

function checkLocalPorts(value: unknown): Partial<LocalPortRange> {
  const properties = checkProperties(value, 'ports', LOCAL_PORTS)
  const ports: { min?: number; max?: number } = {}
  for (const end of ['min', 'max'] as const) {
    if (properties[end] === undefined) continue
    const { min, max } = SYSCTLS[`fullnat_lport_${end}` as const]
    ports[end] = checkInteger(properties[end], `ports.${end}`, min, max)
  }
  if (ports.min === undefined && ports.max === undefined) {
    throw invalidValue('ports', "must have 'min', 'max' or both", value)
  }
  return ports
}

/** `ipvs.sysctl`: settings in /proc/sys/net/ipv4/vs. */
export class SysctlMethods {
  /** Two writes of one client never overlap: a safe order of two is none when another comes in between. */
  private readonly writes = new Turns()

  /** @internal */
  constructor(private readonly client: FileClient) {}

  /**
   * Every sysctl that this kernel shows, by name; those that the library does not know have the type `'text'`. Reading needs
   * no privilege.
   *
   * Rejects with `ERR_IPVS_UNSUPPORTED` where there is none (ip_vs is not loaded, /proc is masked, or the namespace is one of
   * an unprivileged user), `ERR_IPVS_MALFORMED_FILE`, `ERR_IPVS_TIMEOUT`, `ABORT_ERR`, `ERR_IPVS_CLOSED`.
   */
  list(options?: CallOptions): Promise<SysctlInfo[]> {
    return this.call('sysctl.list', options, async (call) => {
      const found: SysctlInfo[] = []
      for (const name of await call.names()) {
        const value = await call.read(name).catch((error) => {
          // That of a scheduler goes with its module.
          if ((error as { cause?: FileError }).cause?.code === 'ENOENT') return undefined
          throw error
        })
        if (value !== undefined) found.push(describeSysctl(name, value, call.context.capabilities.dialect))
      }
      return found
    })
  }

  /**
   * One of them, `await ipvs.sysctl.get('reserve_core')` → `{ value: 0, range: { min: 0, max: 6 }, … }`. Rejects as `list()`,
   * with `ERR_IPVS_UNSUPPORTED` and the reason where this kernel does not have it.
   */
  get<N extends AnyName>(name: N, options?: CallOptions): Promise<SysctlInfo<SysctlValueOf<N>>> {
    return this.call('sysctl.get', options, async (call) => {
      factsHere(call, checkName(name))
      const value = (await call.read(name)) as SysctlValueOf<N>
      return describeSysctl(name, value, call.context.capabilities.dialect)
    })
  }

  /**
   * Sets one and resolves to what the kernel holds then, which it is asked for. `sync_threshold` is an array of two numbers,
   * `est_cpulist` a text such as `'0-3,8'`, all others are integers; docs/sysctls.md has their ranges.
   *
   * Before anything is written it rejects with `ERR_OUT_OF_RANGE` for a value outside of the range of the sysctl, for a
   * `sync_threshold` that is out of order, and for one end of the local ports beyond the other (`setLocalPorts()` sets both);
   * with `ERR_IPVS_RESERVE_CORE` for a `reserve_core` that leaves no CPU that is online; with `ERR_IPVS_UNSUPPORTED` where this
   * kernel does not have it, or has no code behind it. Later: `ERR_OUT_OF_RANGE` where the kernel refuses the value,
   * `ERR_IPVS_VALUE_NOT_KEPT` where it takes it and holds another; `EACCES`, `EPERM` or `EROFS` without privilege, or where
   * /proc/sys is read-only.
   *
   * Writes of one client wait for each other. What another process writes meanwhile is not seen.
   */
  set<N extends AnyName>(name: N, value: SysctlValueOf<N>, options?: CallOptions): Promise<SysctlValueOf<N>> {
    return this.call('sysctl.set', options, async (call) => {
      const facts = writableHere(call, checkName(name))
      const checked = checkValue(call, name, facts, value)
      return this.writes.take(call, async () => {
        if (name === 'reserve_core') this.checkReserveCore(call, checked as number)
        if (name === 'fullnat_lport_min' || name === 'fullnat_lport_max') {
          await checkLocalPort(call, name, checked as number)
        }
        return (await call.write(name, checked, this.writes)) as SysctlValueOf<N>
      })
    })
  }

  /**
   * The ports of local addresses, `fullnat_lport_min` to `fullnat_lport_max`, 1025–65535, on FULLNAT kernels. What is left out
   * stays. They are written in the order in which they never cross: a kernel without a port between them divides by zero at
   * the next connection (ip_vs_conn.c:ip_vs_hbind_laddr). Resolves to what the kernel holds then; rejects as `set()`.
   */
  setLocalPorts(
    ports: { readonly min?: number | undefined; readonly max?: number | undefined },
    options?: CallOptions,
  ): Promise<LocalPortRange> {
    return this.call('sysctl.setLocalPorts', options, async (call) => {
      const wanted = checkLocalPorts(ports)
      writableHere(call, 'fullnat_lport_min')
      return this.writes.take(call, async () => {
        const from = await call.localPorts()
        const to = { ...from, ...wanted }
        if (to.max < to.min) {
          if (wanted.max === undefined) throw outOfRange('ports.min', `<= max (${to.max})`, to.min)
          throw outOfRange('ports.max', `>= min (${to.min})`, to.max)
        }
        for (const { name, value } of localPortSteps(from, to)) await call.write(name, value, this.writes)
        return to
      })
    })
  }

  private call<T>(
    operation: string,
    options: CallOptions | undefined,
    run: (call: SysctlCall) => Promise<T>,
  ): Promise<T> {
    return withCallerStack(
      new Promise((resolve) => {
        const { client } = this
        resolve(run(new SysctlCall(client, operation, client.limits(options), client.context())))
      }),
    )
  }

  /** abi.md §11-6: local addresses are put on one of the CPUs that it leaves (ip_vs_ctl.c:laddr_to_cpuid). */
  private checkReserveCore({ operation }: SysctlCall, value: number): void {
    const online = this.client.transport.readCpuState()?.online
    if (value === 0 || (online !== undefined && value < online)) return
    const description =
      online === undefined
        ? `reserve_core ${value} may leave no CPU: it cannot be told how many are online`
        : `reserve_core ${value} leaves none of ${online} CPUs for local addresses`
    throw ownError(IpvsErrorCodes.RESERVE_CORE, { operation, description })
  }
}
