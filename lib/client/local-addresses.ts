/** Local addresses (laddr) of a FULLNAT service: what its connections come from, seen by the destinations. */

import { decodeLocalAddress } from '../border/decode'
import { Operation } from '../border/layout.gen'
import type { CpuState } from '../border/transport'
import type { CallPlan, Command } from '../dispatch/call-plan'
import { FollowUp, nothing, startWith } from '../dispatch/call-plan'
import type { ListKind } from '../dispatch/shared-list'
import { SharedList } from '../dispatch/shared-list'
import { ownError } from '../errors/ipvs-error'
import { checkLocalAddress, checkLocalAddressInput, checkLocalAddressKey, checkServiceKey } from '../input'
import type { LocalAddressCoverage } from '../kernel/local-address-coverage'
import { coverage } from '../kernel/local-address-coverage'
import { ruleLocalAddress, ruleWrites } from '../kernel/rules'
import type { CallOptions } from '../model/call-types'
import { serviceKeyId } from '../model/keys'
import type { NormalizedLocalAddress, NormalizedServiceKey } from '../model/normalized'
import { copyOf } from '../model/normalized'
import type { LocalAddressInfo, LocalAddressInput, ServiceKey } from '../model/types'
import { listRequest, write } from './local-address-requests'
import { getFrom, readList } from './look-up'
import type { Context, Runner } from './operation'
import { forward } from './operation'
import type { LocalAddressChanges } from './set-local-addresses'
import { setLocalAddresses } from './set-local-addresses'

const LISTED: ListKind<LocalAddressInfo> = {
  section: 'localAddresses',
  decode: decodeLocalAddress,
  id: ({ address }) => address,
}

function sharedListOf(service: NormalizedServiceKey): SharedList<LocalAddressInfo> {
  const name = `local addresses of ${serviceKeyId(service.key)}`
  return new SharedList(name, { operation: Operation.localAddressList, service }, LISTED)
}

type CheckAddress = (value: unknown, service: NormalizedServiceKey) => NormalizedLocalAddress

function changeCommand(
  { capabilities }: Context,
  operation: string,
  what: number,
  check: CheckAddress,
  key: ServiceKey,
  address: LocalAddressInput,
): Command {
  const service = checkServiceKey(key)
  const local = check(address, service)
  ruleWrites(capabilities, operation, service, local)
  ruleLocalAddress(capabilities, service, operation, local)
  return write(what, service, local)
}

export function addLocalAddress(context: Context, service: ServiceKey, address: LocalAddressInput): Command {
  const operation = 'localAddresses.add'
  const what = Operation.localAddressAdd
  return changeCommand(context, operation, what, checkLocalAddressInput, service, address)
}

export function removeLocalAddress(context: Context, service: ServiceKey, address: string): Command {
  const operation = 'localAddresses.remove'
  const what = Operation.localAddressRemove
  return changeCommand(context, operation, what, checkLocalAddressKey, service, address)
}

export function ensureLocalAddress(
  { capabilities }: Context,
  key: ServiceKey,
  address: string,
): CallPlan<'added' | 'unchanged'> {
  const operation = 'localAddresses.ensure'
  const service = checkServiceKey(key)
  const local = checkLocalAddress(address, service)
  const { text } = local
  const subject = { service: service.key, localAddress: text }
  ruleWrites(capabilities, operation, service, local)
  ruleLocalAddress(capabilities, service, operation, local)
  const sharedList = sharedListOf(service)
  return {
    operation,
    subject,
    lock: { service: serviceKeyId(service.key), object: `local address ${text}` },
    request: readList(sharedList),
    done: () =>
      sharedList.get(text)
        ? 'unchanged'
        : new FollowUp<'added' | 'unchanged'>(
            [write(Operation.localAddressAdd, service, local)],
            () => 'added',
            false,
            // Somebody else was faster, or the list had skipped it.
            ({ code }) => (code === 'EEXIST' ? { value: 'unchanged' } : undefined),
          ),
  }
}

function readPlan<T>(
  { capabilities }: Context,
  operation: string,
  key: ServiceKey,
  read: (found: LocalAddressInfo[]) => T,
): CallPlan<T> {
  const service = checkServiceKey(key)
  ruleLocalAddress(capabilities, service, operation)
  const found: LocalAddressInfo[] = []
  return {
    operation,
    subject: { service: service.key },
    request: listRequest(service, found),
    done: () => read(found),
  }
}

function getLocalAddress(
  { capabilities }: Context,
  key: ServiceKey,
  address: string,
): CallPlan<LocalAddressInfo | undefined> {
  const operation = 'localAddresses.get'
  const service = checkServiceKey(key)
  const local = checkLocalAddressKey(address, service)
  ruleLocalAddress(capabilities, service, operation, local)
  return {
    operation,
    subject: { service: service.key, localAddress: local.text },
    ...startWith(
      getFrom(
        () => sharedListOf(service),
        local.text,
        // The list is that of all calls of the tick.
        copyOf,
      ),
    ),
  }
}

function coveragePlan(
  context: Context,
  service: ServiceKey,
  cpuState: () => CpuState | undefined,
): CallPlan<LocalAddressCoverage> {
  const operation = 'localAddresses.coverage'
  const state = context.capabilities.perCpuLocalAddresses ? cpuState() : { online: 1, reserved: 0 }
  if (!state) {
    throw ownError('ERR_IPVS_UNSUPPORTED', {
      operation,
      description: 'the CPUs of this machine cannot be told: /sys or /proc/sys is not readable',
    })
  }
  return readPlan(context, operation, service, (found) => coverage(found, state))
}

function streamPlan(
  { capabilities }: Context,
  key: ServiceKey,
  push: (items: readonly LocalAddressInfo[]) => void,
): CallPlan<void> {
  const operation = 'localAddresses.iterate'
  const service = checkServiceKey(key)
  ruleLocalAddress(capabilities, service, operation)
  return {
    operation,
    subject: { service: service.key },
    request: {
      fields: { operation: Operation.localAddressList, service },
      sinks: [forward('localAddresses', decodeLocalAddress, push)],
    },
    done: nothing,
  }
}

/** `ipvs.localAddresses`. Everything here rejects with `ERR_IPVS_UNSUPPORTED` on kernels without FULLNAT. */
export class LocalAddresses {
  /** @internal */
  constructor(
    private readonly runner: Runner,
    private readonly cpuState: () => CpuState | undefined,
  ) {}

  /** All local addresses of a service. Rejects with `ESRCH` where there is no such service. */
  list(service: ServiceKey, options?: CallOptions): Promise<LocalAddressInfo[]> {
    return this.runner.run(
      (context) => readPlan(context, 'localAddresses.list', service, (found) => found),
      options,
    )
  }

  /** All local addresses of a service, as they come. Rejects with `ESRCH` where there is no such service. */
  iterate(service: ServiceKey, options?: CallOptions): AsyncIterableIterator<LocalAddressInfo> {
    return this.runner.stream<LocalAddressInfo>(
      (context, push) => streamPlan(context, service, push),
      options,
    )
  }

  /** `undefined` where the service has no such local address, or there is no such service. Any address can be asked for. */
  get(service: ServiceKey, address: string, options?: CallOptions): Promise<LocalAddressInfo | undefined> {
    return this.runner.run((context) => getLocalAddress(context, service, address), options)
  }

  /**
   * Adds one address, of the service's family; of what was listed, whatever the kernel held. Rejects with `EEXIST` where the service has it already, with `ESRCH`
   * where there is no such service, with `ERR_IPVS_RESERVE_CORE` on fullnat-v3 while `reserve_core` leaves no CPU (the
   * kernel would divide by zero).
   */
  add(service: ServiceKey, address: LocalAddressInput, options?: CallOptions): Promise<void> {
    return this.runner.send(addLocalAddress, options, service, address)
  }

  /**
   * Makes these the local addresses of the service: adds what is missing, then removes what is too much. What stays is
   * not touched, so its connections and its port counter go on. Nothing is removed when an address cannot be added; the error
   * names that address then, and the others were added.
   */
  set(
    service: ServiceKey,
    addresses: readonly string[],
    options?: CallOptions,
  ): Promise<LocalAddressChanges> {
    return this.runner.run((context) => setLocalAddresses(context, service, addresses), options)
  }

  /** Adds the address unless the service has it. Reads the list of the service, once for all calls of a tick. */
  ensure(service: ServiceKey, address: string, options?: CallOptions): Promise<'added' | 'unchanged'> {
    return this.runner.run((context) => ensureLocalAddress(context, service, address), options)
  }

  /**
   * Removes one address, whatever it is: also one that `add` would refuse. Its connections go on until they expire; new ones do not take it. With none left the clients of
   * FULLNAT destinations time out (`conn_sched_unreach` of /proc/net/ip_vs_ext_stats counts them). Rejects with
   * `ENOENT` where the service does not have it.
   */
  remove(service: ServiceKey, address: string, options?: CallOptions): Promise<void> {
    return this.runner.send(removeLocalAddress, options, service, address)
  }

  /**
   * Which CPUs the addresses serve: on fullnat-v3 each lives on one, chosen by its last byte when it was added, and a CPU
   * without one loses every connection (ip_vs_ctl.c:laddr_to_cpuid, ip_vs_conn.c:ip_vs_get_laddr). The kernel does not tell
   * where an address lives: `uncertain` has the CPUs whose part depends on `reserve_core` having been the same then. fullnat-v2
   * has one list for all, shown as CPU 0. Rejects with `ESRCH` where there is no such service.
   */
  coverage(service: ServiceKey, options?: CallOptions): Promise<LocalAddressCoverage> {
    return this.runner.run((context) => coveragePlan(context, service, this.cpuState), options)
  }

  /**
   * What decides on which CPU of fullnat-v3 an address would live that is added now: CPUs that are online, and the first that are
   * kept free of them (`reserve_core`). `undefined` where it cannot be told: on other kernels, and where /sys or /proc/sys is not
   * readable. `suggestLocalAddresses` of `ipvs-fullnat/reconcile` takes it.
   */
  async cpus(): Promise<{ readonly cpus: number; readonly reserveCore: number } | undefined> {
    const state = this.cpuState()
    return state && { cpus: state.online, reserveCore: state.reserved }
  }
}
