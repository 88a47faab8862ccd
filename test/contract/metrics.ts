// Metrics of a table that was made for it.

import { describe, expect, it } from 'vitest'
import type { Ipvs } from '../../lib'
import type { collect as Collect } from '../../lib/metrics'
import { parseExposition, valuesOf } from '../unit/metrics/exposition-parser'
import { DNS, type Harness, real, useWorld, WEB } from './harness'

const MARK = { fwmark: 0x1234abcd } as const
const WEB6 = { protocol: 'tcp', address: '2001:db8::1', port: 443 } as const
const SCTP = { protocol: 'sctp', address: '192.0.2.1', port: 80 } as const

/** However busy the machine is. */
export const PATIENT = { timeout: 300_000 } as const

/** Services in every form that this kernel has, with destinations and local addresses. */
export async function fillTable(ipvs: Ipvs): Promise<void> {
  const { ipv6, sctp, localAddresses } = ipvs.capabilities
  for (const key of [WEB, DNS, MARK, ...(ipv6 ? [WEB6] : []), ...(sctp ? [SCTP] : [])]) {
    await ipvs.services.add({ ...key, scheduler: 'rr' })
  }
  await ipvs.destinations.add(WEB, { ...real('10.77.0.11'), weight: 10 })
  await ipvs.destinations.add(WEB, { ...real('10.77.0.12'), weight: 0 })
  await ipvs.destinations.add(DNS, { ...real('10.77.0.11', 53), weight: 3 })
  await ipvs.destinations.add(MARK, { ...real('10.77.0.13', 0), weight: 4 })
  if (ipv6) await ipvs.destinations.add(WEB6, { ...real('fd00:77::a', 443), weight: 5 })
  if (sctp) await ipvs.destinations.add(SCTP, { ...real('10.77.0.11'), weight: 6 })
  if (localAddresses) await ipvs.localAddresses.set(WEB, ['10.77.0.21', '10.77.0.22'])
}

export function metricsContract(harness: Harness, collect: typeof Collect): void {
  const { dialect, capabilities } = harness
  const world = useWorld(harness)
  /** What the client under test lists. */
  const { ipv6, sctp, localAddresses } = capabilities

  describe(`metrics over ${harness.name}`, () => {
    it('show the table', async () => {
      await fillTable(world.full)
      const text = await collect(world.ipvs, PATIENT)
      const web = 'protocol=tcp address=192.0.2.1 port=80 family=ipv4'
      const dns = 'protocol=udp address=192.0.2.1 port=53 family=ipv4'
      const mark = `fwmark=${0x1234abcd} family=ipv4`
      const six = 'protocol=tcp address=2001:db8::1 port=443 family=ipv6'
      const other = 'protocol=sctp address=192.0.2.1 port=80 family=ipv4'
      expect(valuesOf(text, 'ipvs_service_connections_total')).toEqual({
        [web]: '0',
        [dns]: '0',
        [mark]: '0',
        ...(ipv6 ? { [six]: '0' } : {}),
        ...(sctp ? { [other]: '0' } : {}),
      })
      const at = (address: string, port: number) => `destination_address=${address} destination_port=${port}`
      expect(valuesOf(text, 'ipvs_destination_weight')).toEqual({
        [`${web} ${at('10.77.0.11', 8080)}`]: '10',
        [`${web} ${at('10.77.0.12', 8080)}`]: '0',
        [`${dns} ${at('10.77.0.11', 53)}`]: '3',
        [`${mark} ${at('10.77.0.13', 0)}`]: '4',
        ...(ipv6 ? { [`${six} ${at('fd00:77::a', 443)}`]: '5' } : {}),
        ...(sctp ? { [`${other} ${at('10.77.0.11', 8080)}`]: '6' } : {}),
      })
      expect(valuesOf(text, 'ipvs_local_address_connections')).toEqual(
        localAddresses
          ? { [`${web} local_address=10.77.0.21`]: '0', [`${web} local_address=10.77.0.22`]: '0' }
          : {},
      )
      expect(valuesOf(text, 'ipvs_info')).toEqual({ [`dialect=${dialect} version=1.2.1`]: '1' })
      const { connectionTableSize } = await world.ipvs.info()
      expect(valuesOf(text, 'ipvs_connection_table_size')).toEqual({ '': String(connectionTableSize) })
    })

    it('leave out what this kernel does not have, and nothing else', async () => {
      const text = await collect(world.ipvs, PATIENT)
      expect(valuesOf(text, 'ipvs_up')).toEqual({ '': '1' })
      expect(valuesOf(text, 'ipvs_scrape_error')).toEqual(
        dialect === 'mainline' ? { 'part=extended_statistics code=ERR_IPVS_UNSUPPORTED': '1' } : {},
      )
      const families = parseExposition(text)
      const rows = [...families].filter(([name]) => name.startsWith('ipvs_ext_'))
      const cpus = Array.from({ length: harness.cpus }, (_, cpu) => `cpu=${cpu}`)
      expect(rows.length > 0).toBe(dialect !== 'mainline')
      for (const [name] of rows) expect(Object.keys(valuesOf(text, name))).toEqual(cpus)
      expect(families.has('ipvs_connections_total')).toBe(true)
    })

    it('have the labels of node_exporter', async () => {
      await fillTable(world.full)
      const text = await collect(world.ipvs, { ...PATIENT, compat: 'node_exporter', families: [] })
      const row = (local: string, port: number, proto: string, remote: string) =>
        `local_address=${local} local_port=${port} proto=${proto} ${remote}`
      const to = (address: string, port: number) => `remote_address=${address} remote_port=${port}`
      expect(valuesOf(text, 'node_ipvs_backend_weight')).toEqual({
        [row('192.0.2.1', 80, 'TCP', to('10.77.0.11', 8080))]: '10',
        [row('192.0.2.1', 80, 'TCP', to('10.77.0.12', 8080))]: '0',
        [row('192.0.2.1', 53, 'UDP', to('10.77.0.11', 53))]: '3',
        [`local_mark=1234ABCD local_port=0 proto=FWM ${to('10.77.0.13', 0)}`]: '4',
        ...(ipv6 ? { [row('2001:db8::1', 443, 'TCP', to('fd00:77::a', 443))]: '5' } : {}),
        ...(sctp ? { [row('192.0.2.1', 80, 'SCTP', to('10.77.0.11', 8080))]: '6' } : {}),
      })
      expect(Object.keys(valuesOf(text, 'node_ipvs_connections_total'))).toEqual([''])
    })

    it('count what the client did', async () => {
      const ipvs = await harness.open()
      await ipvs.services.list()
      await ipvs.services.remove(WEB).catch(() => {})
      const text = await collect(ipvs, PATIENT)
      await ipvs.close()
      // What a scrape reads over the socket is two calls, in one trip.
      expect(valuesOf(text, 'ipvs_client_calls_total')).toEqual({ '': '4' })
      expect(valuesOf(text, 'ipvs_client_trips_total')).toEqual({ '': '3' })
      expect(valuesOf(text, 'ipvs_client_errors_total')).toEqual({ 'code=ESRCH': '1' })
      expect(valuesOf(text, 'ipvs_client_queued_calls')).toEqual({ '': '0' })
    })
  })
}
