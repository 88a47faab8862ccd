/** `diagnose()`: what is wrong with a director, and what to do. */

import { invalidType, outOfRange } from '../errors/argument-errors'
import { checkCallOptions, checkProperties, PropertyNames } from '../input'
import type { CallOptions } from '../model/call-types'
import type { DesiredState } from '../model/desired-state'
import { keyOf, serviceKeyId } from '../model/keys'
import type { Snapshot } from '../model/types'
import { checkDesiredState } from '../reconcile/wanted'
import { CHECKS } from './checks'
import { checkKernel } from './checks/kernel'
import type { DiagnoseClient } from './client'
import type { Facts, Growth } from './facts'
import { flatMap, groupBy, OwnAddresses } from './facts'
import { causedByState, finding, inOrder } from './finding-list'
import { loginsOf } from './logins'
import { pause } from './pause'
import type { Reading } from './reading'
import { Reader } from './reading'
import type { Diagnosis, Finding } from './types'
import { desiredServices, presentServices } from './view'

export interface DiagnoseOptions extends CallOptions {
  /** What the director should become: what that would bring about is found as well, with the cause `'state'`. */
  readonly state?: DesiredState | undefined
  /**
   * Milliseconds between the two looks by which is seen what grows, on FULLNAT kernels; 0 leaves the second look out. Default 1000.
   */
  readonly interval?: number | undefined
  /** Ports on which people log in to the director. Default `[22]`. */
  readonly loginPorts?: readonly number[] | undefined
}

const OPTIONS = new PropertyNames(['signal', 'timeout', 'state', 'interval', 'loginPorts'])
const INTERVAL = 1000
const INTERVAL_MAX = 3_600_000
const SSH = [22]

function checkPorts(value: unknown): readonly number[] {
  if (value === undefined) return SSH
  if (!Array.isArray(value)) throw invalidType('options.loginPorts', 'Array', value)
  value.forEach((port: unknown, i) => {
    if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65535) {
      throw outOfRange(`options.loginPorts[${i}]`, 'a port, >= 1 && <= 65535', port)
    }
  })
  return value as number[]
}

function checkInterval(value: unknown): number {
  if (value === undefined) return INTERVAL
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > INTERVAL_MAX) {
    throw outOfRange('options.interval', `an integer >= 0 && <= ${INTERVAL_MAX}`, value)
  }
  return value as number
}

function growthBetween(
  milliseconds: number,
  snapshot: Snapshot,
  first: Reading,
  second: Pick<Reading, 'snapshot' | 'counters'>,
): Growth {
  const before = new Map(snapshot.services.map((one) => [serviceKeyId(keyOf(one.service)), one] as const))
  const localAddresses = flatMap(second.snapshot?.services ?? [], (service) => {
    const old = new Map(
      before
        .get(serviceKeyId(keyOf(service.service)))
        ?.localAddresses.map((one) => [one.address, one] as const),
    )
    return flatMap(service.localAddresses, (after) => {
      const then = old.get(after.address)
      return then ? [{ service: keyOf(service.service), before: then, after }] : []
    })
  })
  const counters =
    first.counters && second.counters ? { before: first.counters, after: second.counters } : undefined
  return { milliseconds, localAddresses, counters }
}

const run = (facts: Facts): Finding[] => {
  const findings: Finding[] = []
  for (const check of CHECKS) check(facts, (found) => findings.push(finding(found)))
  return findings
}

/**
 * Reads the director and the machine around it, and says what is wrong, why, and what to do. It changes nothing, and needs what
 * reading needs; what it may not read is a finding (`could-not-look`, `no-privilege`). The same director gives the same findings in
 * the same order.
 *
 * Rejects with a `DesiredStateError` for a wrong `state`, `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE`, `ABORT_ERR`,
 * `ERR_IPVS_CLOSED`. Where `Ipvs.open()` fails already, `diagnoseOpenFailure(error)` says why.
 */
export async function diagnose(ipvs: DiagnoseClient, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const { state, interval, loginPorts, signal, timeout } = checkProperties(options, 'options', OPTIONS)
  const call = checkCallOptions({ signal, timeout })
  const ports = checkPorts(loginPorts)
  const milliseconds = checkInterval(interval)
  const wanted = state === undefined ? undefined : checkDesiredState(state as DesiredState)

  const reader = new Reader(ipvs, call)
  const reading = await reader.first()
  const { capabilities, evidence } = ipvs
  const { snapshot, machine } = reading
  // Without a table there is still what sysctls and daemons say.
  const services = snapshot ? presentServices(snapshot) : []
  let growth: Growth | undefined
  if (snapshot && capabilities.extendedStats && milliseconds > 0) {
    await pause(milliseconds, call.signal)
    growth = growthBetween(milliseconds, snapshot, reading, await reader.second())
  }
  const own = new OwnAddresses(machine)
  const now: Facts = {
    capabilities,
    services,
    machine,
    own,
    sockets: groupBy(machine?.sockets ?? [], ({ local }) => local.address),
    logins: loginsOf({ machine, own }, ports),
    sysctls: reading.sysctls && new Map(reading.sysctls.map((one) => [one.name, one] as const)),
    daemons: reading.daemons,
    loginPorts: ports,
    growth,
  }
  const found = run(now)
  checkKernel(ipvs, (one) => found.push(finding(one)))
  const then: Facts | undefined = snapshot &&
    wanted && {
      ...now,
      services: desiredServices(services, wanted),
      daemons: wanted.daemons ?? now.daemons,
    }
  const caused = then ? causedByState(found, run(then)) : []
  return {
    version: 1,
    dialect: capabilities.dialect,
    transport: capabilities.transport,
    evidence,
    findings: inOrder(reader.findings.concat(found, caused)),
  }
}
