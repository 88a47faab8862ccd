import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Snapshot } from '../../lib'
import { fromJson, IpvsError, toJson } from '../../lib'
import { addDestinations, DIALECTS, setUp, WEB } from './fake-support'

describe('toJson and fromJson', () => {
  it.each(DIALECTS)('a snapshot of %s comes back as it was, but for what was undefined', async (dialect) => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.services.add({ ...WEB, persistence: { timeout: 60 } })
    await ipvs.services.add({ fwmark: 7 })
    await addDestinations(ipvs, [1, 2])
    if (dialect !== 'mainline') await ipvs.localAddresses.add(WEB, '10.1.0.1')
    const on = { service: WEB, destination: { address: '10.0.0.1', port: 8080 } }
    kernel.traffic(on, { inBytes: 2n ** 60n, inPackets: 3 })
    const snapshot = await ipvs.snapshot({ consistent: true })
    const text = toJson(snapshot)
    expect(JSON.parse(text)).toMatchObject({ consistent: true })
    const back = fromJson<Snapshot>(text)
    expect(back).toEqual(snapshot)
    expect(back.services.some(({ service }) => service.stats.inBytes === 2n ** 60n)).toBe(true)
    for (const { service, destinations } of back.services) {
      expect(await ipvs.services.ensure(service)).toBe('unchanged')
      for (const one of destinations) expect(await ipvs.destinations.ensure(service, one)).toBe('unchanged')
    }
  })

  it('property: every u64 comes back, gauges and texts stay what they are', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.nat(),
        fc.string(),
        (counter, gauge, name) => {
          const value = {
            stats: {
              connections: counter,
              inPackets: counter,
              outPackets: 0n,
              inBytes: counter,
              outBytes: 1n,
            },
            local: { portConflicts: counter, connections: gauge },
            name,
            address: '10',
          }
          expect(fromJson(toJson(value, 2))).toEqual(value)
        },
      ),
    )
  })

  it('an error is its own JSON', () => {
    const error = new IpvsError({ code: 'EEXIST', description: 'there', subject: { service: WEB } })
    expect(JSON.parse(toJson({ error }))).toMatchObject({ error: { code: 'EEXIST', service: WEB } })
  })
})
