/** Directors of the fake kernel for tests of the doctor: healthy ones, and what makes them ill. */

import { Ipvs } from '../../../lib/client/ipvs'
import type { DiagnoseClient, Diagnosis, FindingCode } from '../../../lib/diagnose'
import type { ServiceInput, Snapshot } from '../../../lib/model/types'
import { type FakeDialect, FakeKernel, type FakeKernelOptions } from '../../../lib/testing'

export const VIP = '192.0.2.1'
export const WEB = { protocol: 'tcp', address: VIP, port: 80 } as const
export const WEB6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const
export const DNS = { protocol: 'udp', address: '192.0.2.53', port: 53 } as const
export const RS = { address: '10.9.0.5', port: 8080 } as const
export const SSH = {
  state: 'established',
  local: { address: '10.0.0.9', port: 22 },
  remote: { address: '198.51.100.7', port: 40000 },
} as const

export interface Director {
  readonly kernel: FakeKernel
  readonly ipvs: Ipvs
}

/** One with a service of each kind that the kernel has, by which nothing is wrong. */
export async function healthy(dialect: FakeDialect, options: FakeKernelOptions = {}): Promise<Director> {
  const sockets = [
    { state: 'listen', local: { address: '0.0.0.0', port: 22 }, remote: undefined },
    { state: 'listen', local: { address: '127.0.0.1', port: 25 }, remote: undefined },
    SSH,
  ] as const
  const kernel = new FakeKernel({
    dialect,
    ...options,
    machine: { sockets, ...options.machine },
  })
  const ipvs = await Ipvs.open({ transport: kernel.transport(), force: true })
  const forwarding = dialect === 'mainline' ? 'masquerade' : 'fullnat'
  await ipvs.services.add({ ...WEB, scheduler: 'wrr' })
  if (dialect !== 'mainline') await ipvs.localAddresses.set(WEB, ['10.1.0.1', '10.1.0.2'])
  await ipvs.destinations.add(WEB, { ...RS, forwarding })
  await ipvs.services.add({ ...WEB6, scheduler: 'rr' })
  await ipvs.destinations.add(WEB6, { address: '2001:db8:9::5', port: 8080, forwarding: 'masquerade' })
  if (dialect !== 'mainline') await ipvs.sysctl.set('defence_frag_drop', 0)
  await ipvs.services.add({ ...DNS, scheduler: 'rr', persistence: { timeout: 60 } })
  await ipvs.destinations.add(DNS, { address: '10.9.0.53', port: 53, forwarding: 'masquerade' })
  return { kernel, ipvs }
}

/** The client with some methods replaced: what no kernel lets the library do, other tools do. */
export function pretending(ipvs: Ipvs, changes: Partial<DiagnoseClient>): DiagnoseClient {
  return {
    capabilities: ipvs.capabilities,
    evidence: ipvs.evidence,
    snapshot: (options) => ipvs.snapshot(options),
    machine: (options) => ipvs.machine(options),
    extendedStats: (options) => ipvs.extendedStats(options),
    daemons: ipvs.daemons,
    sysctl: ipvs.sysctl,
    ...changes,
  }
}

/** As if the kernel held other values of sysctls than it takes. */
export const withSysctls = (ipvs: Ipvs, values: { readonly [name: string]: number }): DiagnoseClient =>
  pretending(ipvs, {
    sysctl: {
      list: async (options) =>
        (await ipvs.sysctl.list(options)).map((one) => ({ ...one, value: values[one.name] ?? one.value })),
    },
  })

/** As if all destinations of a protocol had this forwarding method. */
export const withForwarding = (
  ipvs: Ipvs,
  protocol: ServiceInput['protocol'],
  forwarding: 'fullnat',
): DiagnoseClient =>
  pretending(ipvs, {
    snapshot: async (options): Promise<Snapshot> => {
      const { services, consistent } = await ipvs.snapshot(options)
      return {
        consistent,
        services: services.map((one) =>
          one.service.protocol === protocol
            ? { ...one, destinations: one.destinations.map((other) => ({ ...other, forwarding })) }
            : one,
        ),
      }
    },
  })

/** Something happens between the two looks. */
export function meanwhile(ipvs: Ipvs, happens: () => void): DiagnoseClient {
  let looks = 0
  return pretending(ipvs, {
    snapshot: (options) => {
      if (++looks === 2) happens()
      return ipvs.snapshot(options)
    },
  })
}

export const codesOf = ({ findings }: Diagnosis): FindingCode[] => findings.map(({ code }) => code)
