import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../../lib/client/ipvs'
import { diagnose } from '../../../lib/diagnose'
import type { DesiredState } from '../../../lib/model/desired-state'
import { DesiredStateError } from '../../../lib/reconcile'
import { FakeKernel } from '../../../lib/testing'
import { codesOf, healthy, pretending, RS, VIP, WEB } from './directors'

const failure = async (promise: Promise<unknown>): Promise<Record<string, unknown>> =>
  promise.then(
    () => {
      throw new Error('it did not reject')
    },
    (error) => error,
  )

const destination = { ...RS, forwarding: 'fullnat' } as const

describe('with a desired state', () => {
  const found = async (
    state: DesiredState,
    on: 'mainline' | 'fullnat-v2' | 'fullnat-v3' = 'fullnat-v2',
    cpus = 1,
  ) => {
    const { kernel, ipvs } = await healthy(on, { cpus })
    kernel.requests.length = 0
    const { findings } = await diagnose(ipvs, { state, interval: 1 })
    expect(kernel.requests.filter(({ operation }) => !/list|get|snapshot|info/.test(operation))).toEqual([])
    return findings.map(({ code, cause, subject }) => ({ code, cause, subject }))
  }

  it('that is what is there: nothing', async () => {
    const state: DesiredState = {
      services: [{ ...WEB, scheduler: 'wrr', destinations: [destination], localAddresses: ['10.1.0.1'] }],
    }
    expect(await found(state)).toEqual([])
    expect(await found({})).toEqual([])
    // No opinion about what a service has leaves it what it has.
    expect(await found({ services: [{ ...WEB, scheduler: 'rr' }] })).toEqual([])
  })

  it('what it would bring about, and not what is there already', async () => {
    const udp = { protocol: 'udp', address: VIP, port: 53 } as const
    const state: DesiredState = {
      services: [
        { ...WEB, destinations: [{ ...destination, state: 'drain' }], localAddresses: [] },
        { ...udp, destinations: [{ ...RS, forwarding: 'masquerade' }] },
      ],
      daemons: [{ state: 'master', interface: 'eth0' }],
    }
    expect(await found(state)).toEqual([
      { code: 'no-weight', cause: 'state', subject: { service: WEB } },
      { code: 'fullnat-without-local-address', cause: 'state', subject: { service: WEB } },
      { code: 'udp-service-swallowed', cause: 'state', subject: { service: udp } },
      { code: 'sync-daemon-on-fullnat', cause: 'state', subject: { interface: 'eth0' } },
    ])
    const { ipvs } = await healthy('fullnat-v2')
    await ipvs.destinations.update(WEB, RS, { weight: 0 })
    const now = await diagnose(ipvs, { state, interval: 0 })
    expect(now.findings.find(({ code }) => code === 'no-weight')?.cause).toBe('present')
  })

  it('addresses that the machine does not have, and CPUs that would have none', async () => {
    const { ipvs } = await healthy('fullnat-v3', {
      cpus: 2,
      addresses: [VIP, '10.1.0.1', '10.1.0.2', '192.0.2.53', '2001:db8::1'],
    })
    const state: DesiredState = {
      services: [{ ...WEB, destinations: [destination], localAddresses: ['10.1.0.4', '10.1.0.6'] }],
    }
    const { findings } = await diagnose(ipvs, { state, interval: 0 })
    expect(findings.map(({ code, subject }) => [code, subject.address, subject.service])).toEqual([
      ['cpu-without-local-address', undefined, WEB],
      ['local-address-absent', '10.1.0.4', undefined],
      ['local-address-absent', '10.1.0.6', undefined],
    ])
    expect(findings[0]?.evidence).toMatchObject({ cpus: [1] })
  })

  it('that is wrong: everything that is wrong in it, and nothing is read', async () => {
    const { kernel, ipvs } = await healthy('fullnat-v2')
    kernel.requests.length = 0
    const error = await failure(diagnose(ipvs, { state: { services: [{ ...WEB, port: 70000 }] } }))
    expect(error).toBeInstanceOf(DesiredStateError)
    expect(kernel.requests).toEqual([])
  })
})

describe('what cannot be read is said', () => {
  it('a masked /proc/sys', async () => {
    const { kernel, ipvs } = await healthy('mainline')
    kernel.procSys = 'missing'
    const { findings } = await diagnose(ipvs)
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['could-not-look']))
    expect(findings.map(({ subject }) => subject.part)).toEqual(['forwarding', 'interfaces', 'sysctls'])
  })

  it('a transport that knows of no machine', async () => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    const { machine, ...transport } = kernel.transport()
    expect(machine).toBeDefined()
    const ipvs = await Ipvs.open({ transport })
    expect(await failure(ipvs.machine())).toMatchObject({
      code: 'ERR_IPVS_UNSUPPORTED',
      operation: 'machine',
    })
    expect((await diagnose(ipvs)).findings).toMatchObject([
      { code: 'could-not-look', subject: { part: 'machine' }, evidence: { error: 'ERR_IPVS_UNSUPPORTED' } },
    ])
  })

  it('ip_vs that was unloaded meanwhile', async () => {
    const { kernel, ipvs } = await healthy('fullnat-v3')
    kernel.unloadModule()
    const codes = codesOf(await diagnose(ipvs, { interval: 1 }))
    expect(codes[0]).toBe('module-not-loaded')
    expect(new Set(codes.slice(1))).toEqual(new Set(['could-not-look']))
  })

  it('a table that may not be read; what the sysctls say is said all the same', async () => {
    const { kernel, ipvs } = await healthy('fullnat-v2')
    await ipvs.sysctl.set('cache_bypass', 1)
    kernel.revoke()
    const state: DesiredState = { services: [{ ...WEB, destinations: [] }] }
    expect(codesOf(await diagnose(ipvs, { state }))).toEqual(['no-privilege', 'cache-bypass'])
  })

  it('a kernel that says no the second time', async () => {
    const { kernel, ipvs } = await healthy('fullnat-v3')
    let looks = 0
    const client = pretending(ipvs, {
      snapshot: (options) => {
        if (++looks === 2) kernel.revoke()
        return ipvs.snapshot(options)
      },
    })
    expect(codesOf(await diagnose(client, { interval: 1 }))).toEqual(['no-privilege'])
  })

  it('a defect is none of the director’s', async () => {
    const { ipvs } = await healthy('mainline')
    const client = pretending(ipvs, { snapshot: () => Promise.reject(new Error('a bug')) })
    expect(await failure(diagnose(client))).toMatchObject({ message: 'a bug' })
  })
})

describe('calls', () => {
  it('are refused with the name of what is wrong', async () => {
    const { kernel, ipvs } = await healthy('mainline')
    kernel.requests.length = 0
    const wrong = async (options: object) => (await failure(diagnose(ipvs, options))).message
    expect(await wrong({ stat: {} })).toContain('stat')
    expect(await wrong({ interval: -1 })).toContain('options.interval')
    expect(await wrong({ interval: 1.5 })).toContain('options.interval')
    expect(await wrong({ loginPorts: [22, 0] })).toContain('options.loginPorts[1]')
    expect(await wrong({ loginPorts: 22 })).toContain('options.loginPorts')
    expect(await wrong({ timeout: 'soon' })).toContain('timeout')
    expect(kernel.requests).toEqual([])
  })

  it('end by their signal, also between the looks, and by a closed client', async () => {
    const { ipvs } = await healthy('fullnat-v2')
    const controller = new AbortController()
    const client = pretending(ipvs, {
      extendedStats: async (options) => {
        const stats = await ipvs.extendedStats(options)
        setImmediate(() => controller.abort())
        return stats
      },
    })
    const { signal } = controller
    expect(await failure(diagnose(client, { signal, interval: 3_600_000 }))).toMatchObject({
      code: 'ABORT_ERR',
    })
    expect(await failure(diagnose(ipvs, { signal }))).toMatchObject({ code: 'ABORT_ERR' })
    await ipvs.close()
    expect(await failure(diagnose(ipvs))).toMatchObject({ code: 'ERR_IPVS_CLOSED' })
  })

  it('give the same of the same, in the order of the codes', async () => {
    const { ipvs } = await healthy('fullnat-v2', { addresses: ['10.0.0.9'], machine: { forwarding: false } })
    for (let port = 1; port <= 12; port++) await ipvs.services.add({ ...WEB, port: port * 7 })
    const once = await diagnose(ipvs, { interval: 0 })
    expect(await diagnose(ipvs, { interval: 0 })).toEqual(once)
    expect([...new Set(codesOf(once))]).toEqual([
      'no-destination',
      'local-address-absent',
      'virtual-address-absent',
      'forwarding-off',
    ])
    expect(once.findings.filter(({ code }) => code === 'no-destination')).toHaveLength(12)
    expect(once.findings.filter(({ code }) => code === 'virtual-address-absent')).toHaveLength(3)
  })
})
