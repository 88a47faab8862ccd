// Local addresses of fullnat-v3 live on one CPU each (abi.md §3.1, §11-6).

import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { expectFailure, useWorld, WEB } from '../../contract/harness'
import { Recorder } from '../../contract/recorder'
import { kernelHarness } from '../support/kernel'

const RESERVE_CORE = '/proc/sys/net/ipv4/vs/reserve_core'
const netlink = await kernelHarness('netlink')
const sockopt = await kernelHarness('sockopt')
const { cpus } = netlink

describe.runIf(netlink.capabilities.perCpuLocalAddresses)('local addresses per CPU', () => {
  const world = useWorld(netlink)
  const before = netlink.capabilities.perCpuLocalAddresses ? readFileSync(RESERVE_CORE, 'utf8') : ''
  const reserve = (count: number) => writeFileSync(RESERVE_CORE, `${count}\n`)
  afterEach(() => writeFileSync(RESERVE_CORE, before))

  it('reserve_core is set up to the last CPU, and no further', async () => {
    const { sysctl } = world.ipvs
    for (const reserved of [3, 1, 0]) {
      expect(await sysctl.set('reserve_core', reserved)).toBe(reserved)
      expect(readFileSync(RESERVE_CORE, 'utf8')).toBe(`${reserved}\n`)
    }
    for (const reserved of [4, 5, 6]) {
      await expectFailure(sysctl.set('reserve_core', reserved), {
        code: 'ERR_IPVS_RESERVE_CORE',
        operation: 'sysctl.set',
        says: `reserve_core ${reserved} leaves none of 4 CPUs for local addresses`,
      })
    }
    expect(readFileSync(RESERVE_CORE, 'utf8')).toBe('0\n')
  })

  it('coverage tells the CPU of each address, and those without one', async () => {
    await world.full.services.add(WEB)
    await world.full.localAddresses.set(WEB, ['10.77.1.4', '10.77.1.5', '10.77.1.9', '10.77.1.7'])
    const coverage = await world.ipvs.localAddresses.coverage(WEB)
    expect(cpus).toBe(4)
    expect(coverage).toMatchObject({
      cpus: [
        { cpu: 0, addresses: ['10.77.1.4'] },
        { cpu: 1, addresses: ['10.77.1.5', '10.77.1.9'] },
        { cpu: 2, addresses: [] },
        { cpu: 3, addresses: ['10.77.1.7'] },
      ],
      uncovered: [2],
    })
    await world.ipvs.localAddresses.add(WEB, '10.77.1.2')
    expect((await world.ipvs.localAddresses.coverage(WEB)).uncovered).toEqual([])
  })

  it('the kernel puts each where coverage says: lists are grouped by CPU', async () => {
    await world.full.services.add(WEB)
    const added = [7, 3, 6, 2, 5, 1, 4, 8].map((octet) => `10.77.1.${octet}`)
    for (const address of added) await world.ipvs.localAddresses.add(WEB, address)
    const { cpus: groups } = await world.ipvs.localAddresses.coverage(WEB)
    const listed = (await world.ipvs.localAddresses.list(WEB)).map(({ address }) => address)
    expect(listed).toEqual(['4', '8', '5', '1', '6', '2', '7', '3'].map((octet) => `10.77.1.${octet}`))
    expect(groups.flatMap(({ addresses }) => addresses)).toEqual(listed)
  })

  it('the last byte of an IPv6 address decides', async () => {
    const service = { ...WEB, address: '2001:db8::1' }
    await world.full.services.add(service)
    const locals = ['2001:db8:1::7', '2001:db8:1::104', '2001:db8:1::fe']
    await world.ipvs.localAddresses.set(service, locals)
    const coverage = await world.ipvs.localAddresses.coverage(service)
    expect(coverage.cpus.map(({ addresses }) => addresses)).toEqual([
      [locals[1]],
      [],
      [locals[2]],
      [locals[0]],
    ])
    expect(coverage.uncovered).toEqual([1])
    const listed = (await world.ipvs.localAddresses.list(service)).map(({ address }) => address)
    expect(listed).toEqual([locals[1], locals[2], locals[0]])
  })

  it('reserve_core moves new ones to the CPUs above it', async () => {
    await world.full.services.add(WEB)
    reserve(2)
    const added = ['10.77.1.5', '10.77.1.4', '10.77.1.7']
    for (const address of added) await world.ipvs.localAddresses.add(WEB, address)
    expect(await world.ipvs.localAddresses.coverage(WEB)).toMatchObject({
      cpus: [
        { cpu: 2, addresses: ['10.77.1.4'] },
        { cpu: 3, addresses: ['10.77.1.5', '10.77.1.7'] },
      ],
      uncovered: [],
    })
    const listed = (await world.ipvs.localAddresses.list(WEB)).map(({ address }) => address)
    expect(listed).toEqual(['10.77.1.4', '10.77.1.5', '10.77.1.7'])
  })

  it('reserve_core that was raised moves none: coverage does not say for certain that they are there (abi.md §3.3)', async () => {
    await world.full.services.add(WEB)
    // On 0 and 1, and there they stay.
    await world.ipvs.localAddresses.set(WEB, ['10.77.1.4', '10.77.1.5'])
    reserve(2)
    const coverage = await world.ipvs.localAddresses.coverage(WEB)
    expect(coverage).toMatchObject({ uncovered: [], uncertain: [2, 3] })
    reserve(4)
    expect(await world.ipvs.localAddresses.coverage(WEB)).toMatchObject({ uncovered: [0, 1, 2, 3] })
  })

  it.each([4, 5, 6])(
    'reserve_core %i is refused before the kernel divides by it (abi.md §11-6)',
    async (count) => {
      await world.full.services.add(WEB)
      const recorder = new Recorder()
      const ipvs = await netlink.open({ wrap: recorder.wrap })
      recorder.clear()
      reserve(count)
      const wanted = { code: 'ERR_IPVS_RESERVE_CORE', sent: false, service: WEB, says: /of 4 CPUs/ }
      const one = { ...wanted, about: 'tcp 192.0.2.1:80 via 10.77.1.1', localAddress: '10.77.1.1' }
      const { localAddresses } = ipvs
      await expectFailure(localAddresses.add(WEB, '10.77.1.1'), { ...one, operation: 'localAddresses.add' })
      expect(recorder.requests).toEqual([])
      await expectFailure(localAddresses.ensure(WEB, '10.77.1.1'), {
        ...one,
        operation: 'localAddresses.ensure',
      })
      await expectFailure(localAddresses.set(WEB, ['10.77.1.1']), { ...one, operation: 'localAddresses.set' })
      const [outcome] = await ipvs.batch((batch) => batch.localAddresses.add(WEB, '10.77.1.1'))
      expect(outcome?.status === 'rejected' && outcome.error.code).toBe('ERR_IPVS_RESERVE_CORE')
      expect(recorder.writes).toEqual([])
      reserve(3)
      await ipvs.localAddresses.add(WEB, '10.77.1.1')
      expect(await ipvs.localAddresses.list(WEB)).toHaveLength(1)
      await ipvs.close()
    },
  )

  it('sockopt lists those of every CPU (abi.md §0.3, §1.7-f, §10.1-32)', async () => {
    const over = await sockopt.open()
    await world.full.services.add(WEB)
    const wanted = Array.from({ length: 100 }, (_, i) => `10.77.1.${i + 1}`)
    await over.localAddresses.set(WEB, wanted)
    // Calls from any CPU: the count that the kernel gives is that of the CPU which runs the call.
    for (let i = 0; i < 50; i++) expect(await over.localAddresses.list(WEB)).toHaveLength(100)
    expect(await over.localAddresses.list(WEB)).toEqual(await world.ipvs.localAddresses.list(WEB))
    const { services } = await over.snapshot()
    expect(services[0]?.localAddresses).toHaveLength(100)
    await over.localAddresses.remove(WEB, '10.77.1.1')
    expect(await world.ipvs.localAddresses.list(WEB)).toHaveLength(99)
    await over.close()
  })
})
