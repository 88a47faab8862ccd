// What the doctor says of local addresses that live on one CPU each (fullnat-v3), and of connections that come by the others.

import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finding } from '../../../lib/diagnose'
import { doctor, library, PATIENT } from '../support/library'

const ipvs = await library.Ipvs.open(PATIENT)
const RESERVE_CORE = '/proc/sys/net/ipv4/vs/reserve_core'
const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const RS = { address: '10.9.0.5', port: 8080, forwarding: 'fullnat' } as const

const CODES = ['cpu-without-local-address', 'cpu-perhaps-without-local-address', 'reserve-core-leaves-none']

describe.runIf(ipvs.capabilities.perCpuLocalAddresses)('the doctor, on four CPUs', () => {
  const before = ipvs.capabilities.perCpuLocalAddresses ? readFileSync(RESERVE_CORE, 'utf8') : ''
  const reserve = (count: number) => writeFileSync(RESERVE_CORE, `${count}\n`)
  const said = async () => {
    const { findings } = await doctor.diagnose(ipvs, { ...PATIENT, interval: 0 })
    const shown = ({ code, evidence }: Finding) => [code, evidence.cpus, evidence.reserveCore]
    return findings.filter(({ code }) => CODES.includes(code)).map(shown)
  }

  beforeAll(async () => {
    await ipvs.flush()
    await ipvs.services.add({ ...WEB, scheduler: 'rr' })
    await ipvs.destinations.add(WEB, RS)
  })
  afterAll(async () => {
    writeFileSync(RESERVE_CORE, before)
    await ipvs.flush()
    await ipvs.close()
  })

  it('every CPU has an address', async () => {
    await ipvs.localAddresses.set(WEB, ['10.77.1.4', '10.77.1.5', '10.77.1.6', '10.77.1.7'])
    expect(await said()).toEqual([])
  })

  it('two have none', async () => {
    await ipvs.localAddresses.set(WEB, ['10.77.1.4', '10.77.1.7'])
    expect(await said()).toEqual([['cpu-without-local-address', [1, 2], 0]])
  })

  it('reserve_core was changed since they were added', async () => {
    reserve(2)
    expect(await said()).toEqual([['cpu-perhaps-without-local-address', [2, 3], 2]])
  })

  it('reserve_core leaves none', async () => {
    reserve(4)
    expect(await said()).toEqual([['reserve-core-leaves-none', undefined, 4]])
    reserve(0)
  })
})
