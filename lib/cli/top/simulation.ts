/** A kernel in memory with traffic that depends on nothing but the number of steps: for a look at the view. */

import { Ipvs } from '../../client/ipvs'
import type { Protocol, ServiceKey } from '../../model/types'
import type { FakeConnection } from '../../testing/fake-connection'
import { FakeKernel } from '../../testing/fake-kernel'
import type { FakeDialect } from '../../testing/objects/options'
import type { SimulatedWorld } from './run-top'

export interface Simulation extends SimulatedWorld {
  readonly ipvs: Ipvs
}

export const SIMULATED_BANNER =
  'FakeKernel, NOT A REAL KERNEL: simulated traffic, 2 s of it between two polls'

const WAVE = [4, 6, 10, 16, 10, 6] as const
const SIMULATED_SECONDS = 2

interface Simulated {
  readonly key: ServiceKey & { readonly protocol: Protocol; readonly address: string }
  readonly port: number
  readonly hosts: readonly string[]
  readonly load: number
}

const service = (
  key: Simulated['key'],
  port: number,
  load: number,
  ...hosts: readonly string[]
): Simulated => ({ key, port, load, hosts })

const SERVICES: readonly Simulated[] = [
  service({ protocol: 'tcp', address: '192.0.2.1', port: 80 }, 8080, 2, '10.9.0.5', '10.9.0.6', '10.9.0.7'),
  service({ protocol: 'tcp', address: '192.0.2.1', port: 443 }, 8443, 3, '10.9.0.5', '10.9.0.6'),
  service({ protocol: 'udp', address: '192.0.2.53', port: 53 }, 53, 1, '10.9.0.53'),
  service({ protocol: 'tcp', address: '2001:db8::80', port: 80 }, 8080, 1, '2001:db8:9::5'),
]
const DRAINED = {
  service: SERVICES[0] as Simulated,
  destination: { address: '10.9.0.7', port: 8080 },
} as const

async function fill(ipvs: Ipvs): Promise<void> {
  const { fullnat, udpFullnat, localAddresses } = ipvs.capabilities
  for (const { key, port, hosts } of SERVICES) {
    await ipvs.services.add({ ...key, scheduler: 'wrr' })
    const locals = key.address.includes(':') ? ['2001:db8:1::1'] : ['10.1.0.1', '10.1.0.2']
    if (localAddresses) await ipvs.localAddresses.set(key, locals)
    const forwarding = (key.protocol === 'udp' ? udpFullnat : fullnat) ? 'fullnat' : 'masquerade'
    for (const address of hosts) await ipvs.destinations.add(key, { address, port, forwarding, weight: 2 })
  }
}

export async function openSimulation(dialect: FakeDialect): Promise<Simulation> {
  const kernel = new FakeKernel({ dialect })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  await fill(ipvs)
  let steps = 0
  let port = 10000
  let open: FakeConnection[] = []
  const connect = ({ key }: Simulated): FakeConnection | undefined => {
    port = port < 60000 ? port + 1 : 10000
    const client = key.address.includes(':') ? `[2001:db8:7::7]:${port}` : `198.51.100.7:${port}`
    return kernel.attempt({ client, service: key }).connection
  }
  const world: Simulation = {
    ipvs,
    get now() {
      return kernel.now
    },
    /** What goes on between two polls. */
    async step() {
      const ended = open
      open = []
      SERVICES.forEach((one, i) => {
        const count = one.load * (WAVE[(steps + i) % WAVE.length] as number)
        for (let n = 0; n < count; n++) {
          const connection = connect(one)
          connection?.traffic({ inPackets: 6, inBytes: 480, outPackets: 8, outBytes: 9600 })
          if (connection && one.key.protocol === 'tcp') open.push(connection)
        }
      })
      for (const connection of ended) connection.close()
      steps++
      if (steps % 5 === 0) {
        const weight = steps % 10 === 0 ? 2 : 0
        await ipvs.destinations.update(DRAINED.service.key, DRAINED.destination, { weight })
      }
      // Mainline shows traffic when its estimator has come by.
      kernel.advance(SIMULATED_SECONDS)
    },
  }
  await world.step()
  return world
}
