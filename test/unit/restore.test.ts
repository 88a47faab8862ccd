// What restore() says and refuses, and that it sends nothing then.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib'
import type { RestoreLossError, SavedService, SavedState } from '../../lib/reconcile'
import { formatPlan, restore, SavedStateError, save } from '../../lib/reconcile'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const DNS = { protocol: 'udp', address: '192.0.2.1', port: 53 } as const
const A = { address: '10.9.0.1', port: 80 } as const

const open = async (dialect: FakeDialect, options = {}) => {
  const kernel = new FakeKernel({ dialect, cpus: 4 })
  return { kernel, ipvs: await Ipvs.open({ transport: kernel.transport(), ...options }) }
}
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

/** A director with something of everything, saved. */
async function sample(dialect: FakeDialect): Promise<SavedState> {
  const { ipvs } = await open(dialect)
  await ipvs.services.add({ ...WEB, scheduler: 'sh', persistence: { timeout: 60 } })
  await ipvs.services.add({ fwmark: 7, family: 'ipv6' })
  await ipvs.destinations.add(WEB, { ...A, forwarding: 'masquerade', weight: 3, upperThreshold: 9 })
  if (dialect !== 'mainline') await ipvs.localAddresses.add(WEB, '10.1.0.1')
  else await ipvs.daemons.start({ state: 'master', interface: 'eth0' })
  return JSON.parse(JSON.stringify(await save(ipvs, { sysctls: true }))) as SavedState
}

/** A director that is not empty; `untouched` throws where anything of it changed. */
async function occupied(dialect: FakeDialect) {
  const { kernel, ipvs } = await open(dialect)
  await ipvs.services.add(DNS)
  const before = kernel.dump()
  return { kernel, ipvs, untouched: () => expect(kernel.dump()).toEqual(before) }
}

/** Documents are broken here. */
// biome-ignore lint/suspicious/noExplicitAny: nothing of them is as its type says
type Loose = any
type Change = (document: Loose) => unknown
const changed = (document: SavedState, change: Change): unknown => {
  const copy = JSON.parse(JSON.stringify(document)) as Loose
  change(copy)
  return copy
}

describe.each(['mainline', 'fullnat-v2', 'fullnat-v3'] as const)('a broken document on %s', (dialect) => {
  const broken: [what: string, change: Change, path: string][] = [
    ['no format', (d) => delete d.format, 'format'],
    ['another format', (d) => (d.format = 'ipvsadm'), 'format'],
    ['no version', (d) => delete d.version, 'version'],
    ['version 0', (d) => (d.version = 0), 'version'],
    ['a text for a version', (d) => (d.version = '1'), 'version'],
    ['a newer version', (d) => (d.version = 2), 'version'],
    ['an unknown dialect', (d) => (d.dialect = 'dpvs'), 'dialect'],
    ['no time', (d) => (d.savedAt = 'yesterday'), 'savedAt'],
    ['no services', (d) => delete d.services, 'services'],
    ['services that are none', (d) => (d.services = {}), 'services'],
    ['an unknown property', (d) => (d.pools = {}), 'document.pools'],
    ['a service that is none', (d) => (d.services[0] = null), 'services[0]'],
    ['an unknown property of a service', (d) => (d.services[0].weight = 1), 'services[0].weight'],
    ['counters', (d) => (d.services[0].stats = {}), 'services[0].stats'],
    ['a service without scheduler', (d) => delete d.services[0].scheduler, 'services[0].scheduler'],
    ['a service without destinations', (d) => delete d.services[0].destinations, 'services[0].destinations'],
    ['no address', (d) => (d.services[0].address = 'web'), 'services[0].address'],
    ['a port too high', (d) => (d.services[0].port = 65536), 'services[0].port'],
    ['a mark of 0', (d) => (d.services[1].fwmark = 0), 'services[1].fwmark'],
    ['a service twice', (d) => d.services.push(d.services[0]), 'services[2]'],
    ['a wrong persistence', (d) => (d.services[0].persistence = 60), 'services[0].persistence'],
    ['a wrong destination', (d) => (d.services[0].destinations = [1]), 'services[0].destinations[0]'],
    ['a pool', (d) => (d.services[0].localAddresses = { pool: 'a' }), 'services[0].localAddresses'],
    [
      'no list of local addresses',
      (d) => (d.services[0].localAddresses = null),
      'services[0].localAddresses',
    ],
    ['a wrong local address', (d) => (d.services[0].localAddresses = ['x']), 'services[0].localAddresses[0]'],
    ['a wrong timeout', (d) => (d.timeouts.tcp = -1), 'timeouts.tcp'],
    ['a missing timeout', (d) => delete d.timeouts.udp, 'timeouts.udp'],
    [
      'a wrong daemon',
      (d) => (d.daemons = [{ state: 'idle', interface: 'eth0', syncId: 0 }]),
      'daemons[0].state',
    ],
    ['an unknown sysctl', (d) => (d.sysctls.no_such = 1), 'sysctls.no_such'],
    ['a text for a sysctl', (d) => (d.sysctls.expire_nodest_conn = '1'), 'sysctls.expire_nodest_conn'],
    ['half a pair', (d) => (d.sysctls.sync_threshold = [1]), 'sysctls.sync_threshold'],
  ]

  it.each(broken)('%s: changes nothing', async (_, change, path) => {
    const document = changed(await sample(dialect), change)
    const { ipvs, untouched } = await occupied(dialect)
    for (const given of [document, JSON.stringify(document)]) {
      for (const dryRun of [false, true]) {
        const error = await failure(restore(ipvs, given as SavedState, { mode: 'replace', dryRun }))
        expect(error).toBeInstanceOf(SavedStateError)
        expect(error).toMatchObject({ code: 'ERR_IPVS_SAVED_STATE', name: 'SavedStateError' })
        expect((error as SavedStateError).problems.map((problem) => problem.path)).toEqual([path])
      }
    }
    untouched()
  })

  it('cut off anywhere: changes nothing', async () => {
    const text = JSON.stringify(await sample(dialect))
    const { ipvs, untouched } = await occupied(dialect)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: text.length - 1 }), async (end) => {
        const error = await failure(restore(ipvs, text.slice(0, end), { mode: 'replace' }))
        expect((error as SavedStateError).problems).toMatchObject([{ path: 'document' }])
      }),
    )
    untouched()
  })

  it('says everything that is wrong at once', async () => {
    const document = changed(await sample(dialect), (d) => {
      d.savedAt = 5
      d.timeouts.tcp = 'x'
      d.services[0].destinations[0].weight = 1.5
      delete d.services[0].synproxy
      d.services[1].fwmark = -1
    })
    const { ipvs } = await open(dialect)
    const error = (await failure(restore(ipvs, document as SavedState, { mode: 'merge' }))) as SavedStateError
    expect(error.problems.map(({ path }) => path).sort()).toEqual([
      'savedAt',
      'services[0].destinations[0].weight',
      'services[0].synproxy',
      'services[1].fwmark',
      'timeouts.tcp',
    ])
    expect(error.message).toContain('(and 4 more)')
  })
})

describe('options', () => {
  it('a mode is needed', async () => {
    const { ipvs } = await open('mainline')
    const document = await save(ipvs)
    const wrong = [{}, { mode: 'flush' }, { mode: 'merge', dryRun: 1 }, { mode: 'merge', force: true }]
    const fields = ['options.mode', 'options.mode', 'options.dryRun', 'options.force']
    for (const [i, options] of wrong.entries()) {
      expect(await failure(restore(ipvs, document, options as never))).toMatchObject({ field: fields[i] })
    }
    expect(await failure(save(ipvs, { sysctls: 1 } as never))).toMatchObject({ field: 'options.sysctls' })
    expect(await failure(save(ipvs, { sysctls: ['nothing'] }))).toMatchObject({ field: 'options.sysctls' })
    expect(await failure(save(ipvs, { names: [] } as never))).toMatchObject({ field: 'options.names' })
  })

  it('a signal that is aborted: nothing is sent', async () => {
    const document = await sample('fullnat-v2')
    const { ipvs, untouched } = await occupied('fullnat-v2')
    const signal = AbortSignal.abort()
    expect(await failure(restore(ipvs, document, { mode: 'replace', signal }))).toMatchObject({
      code: 'ABORT_ERR',
    })
    expect(await failure(save(ipvs, { signal }))).toMatchObject({ code: 'ABORT_ERR' })
    untouched()
  })

  it('sockopt shows no IPv6: it is no source', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const ipvs = await Ipvs.open({ transport: kernel.transport({ netlink: false }) })
    expect(await failure(save(ipvs))).toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED', operation: 'save' })
  })

  it('a dry run is the plan that would be applied', async () => {
    const { sysctls: _, ...document } = await sample('fullnat-v2')
    const { ipvs, untouched } = await occupied('fullnat-v2')
    const { plan, applied } = await restore(ipvs, document, { mode: 'replace', dryRun: true })
    expect(applied).toBeUndefined()
    untouched()
    expect(formatPlan(plan)).toBe(
      `${[
        '+ add service fwmark 7 ipv6: scheduler wlc',
        '+ add service tcp 192.0.2.1:80: scheduler sh',
        '+ add local address tcp 192.0.2.1:80 via 10.1.0.1',
        '+ add destination tcp 192.0.2.1:80 -> 10.9.0.1:80: masquerade, weight 3',
        '- remove service udp 192.0.2.1:53: 0 destinations, 0 active connections [not-wanted]',
        '4 to add, 0 to change, 1 to remove, 1 unchanged',
      ].join('\n')}\n`,
    )
    // It is JSON, and can be applied later.
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
    const { plan: merged } = await restore(ipvs, document, { mode: 'merge', dryRun: true })
    expect(merged.steps.map(({ verb }) => verb)).toEqual(['add', 'add', 'add', 'add'])
  })
})

describe("a destination that the kernel says is 'local'", () => {
  const at = (address: string, forwarding: 'local' | 'masquerade') => ({ address, port: 80, forwarding })
  const reported = async (ipvs: Ipvs, service: typeof WEB | typeof WEB6) =>
    (await ipvs.destinations.list(service))[0]?.forwarding
  const WEB6 = { ...WEB, address: '2001:db8::1' } as const

  it('becomes what was saved; for IPv6, where that can leak a route, it counts as what it became', async () => {
    const [from, to] = [await open('fullnat-v2'), await open('fullnat-v2')]
    for (const [{ ipvs }, method] of [[from, 'masquerade'] as const, [to, 'local'] as const]) {
      await ipvs.services.add(WEB)
      await ipvs.destinations.add(WEB, at('10.9.0.1', method))
      await ipvs.services.add(WEB6)
      await ipvs.destinations.add(WEB6, at('2001:db8::9', method))
    }
    const { plan } = await restore(to.ipvs, await save(from.ipvs), { mode: 'replace' })
    expect(plan.steps).toMatchObject([
      { verb: 'change', service: WEB, message: 'forwarding local -> masquerade' },
    ])
    expect(await reported(to.ipvs, WEB)).toBe('masquerade')
    expect(await reported(to.ipvs, WEB6)).toBe('local')
  })
})

describe('losses', () => {
  const lossesOf = async (document: SavedState, to: FakeDialect, options = {}) => {
    const { ipvs, kernel } = await open(to, options)
    const before = kernel.dump()
    const error = (await failure(restore(ipvs, document, { mode: 'replace' }))) as RestoreLossError
    expect(error).toMatchObject({ code: 'ERR_IPVS_LOSSES', name: 'RestoreLossError' })
    expect(kernel.dump()).toEqual(before)
    return error.losses.map(({ path }) => path)
  }
  const edited = (
    document: SavedState,
    change: (services: SavedService[], all: Loose) => void,
  ): SavedState => {
    const { sysctls: _, ...copy } = JSON.parse(JSON.stringify(document))
    change(copy.services, copy)
    return copy
  }

  it('of mainline on fullnat-v2, by property', async () => {
    const document = edited(await sample('mainline'), ([web, mark]: Loose[], all) => {
      Object.assign(web, {
        scheduler: 'mh',
        schedulerFlags: ['flag-1'],
        persistence: { timeout: 9, engine: 'sip' },
      })
      web.destinations[0] = { ...web.destinations[0], forwarding: 'tunnel', tunnel: { type: 'gre' } }
      mark.persistence = { timeout: 17179869, netmask: 64 }
      all.services.push({ ...web, protocol: 'sctp', destinations: [] })
      all.daemons[0] = { ...all.daemons[0], multicastPort: 9999 }
    })
    expect((await lossesOf(document, 'fullnat-v2')).sort()).toEqual([
      'daemons[0]',
      'daemons[0].multicastPort',
      'services[0].destinations[0]',
      'services[0].persistence.engine',
      'services[0].scheduler',
      'services[0].schedulerFlags',
      'services[1].persistence.timeout',
      'services[2]',
    ])
    const { ipvs } = await open('fullnat-v2', { force: true })
    const { applied, losses } = await restore(ipvs, document, { mode: 'replace', acceptLosses: true })
    expect(applied?.complete).toBe(true)
    expect(losses.map(({ path }) => path)).not.toContain('daemons[0]')
    expect((await save(ipvs)).services).toMatchObject([
      { ...WEB, scheduler: 'wlc', persistence: { timeout: 9 }, destinations: [] },
      { fwmark: 7, persistence: { timeout: 4294967 } },
    ])
  })

  it('of fullnat-v3 on mainline', async () => {
    const document = edited(await sample('fullnat-v3'), ([web]: Loose[], all) => {
      Object.assign(web, { synproxy: true, establishedTimeout: 17 })
      web.destinations.push({ ...web.destinations[0], port: 81, forwarding: 'fullnat' })
      all.services[1].establishedTimeout = all.timeouts.tcp
      all.sysctls = { fullnat_lport_min: 6000, expire_nodest_conn: 1 }
    })
    expect((await lossesOf(document, 'mainline')).sort()).toEqual([
      'services[0].destinations[1]',
      'services[0].establishedTimeout',
      'services[0].localAddresses',
      'services[0].synproxy',
      'sysctls.fullnat_lport_min',
    ])
  })

  it('a timeout of all services becomes that of each on fullnat-v3', async () => {
    const document = edited(await sample('fullnat-v2'), (_, all) => {
      all.timeouts.tcp = 123
    })
    const { ipvs } = await open('fullnat-v3')
    await ipvs.services.add({ ...WEB, establishedTimeout: 9 })
    await restore(ipvs, document, { mode: 'replace' })
    expect((await ipvs.services.list()).map(({ establishedTimeout }) => establishedTimeout)).toEqual([
      123, 123,
    ])
  })

  it('a flag that meant nothing does not begin to work', async () => {
    const document = edited(await sample('mainline'), ([web]: Loose[]) => {
      web.synproxy = true
    })
    const { ipvs } = await open('fullnat-v2')
    const { plan, losses } = await restore(ipvs, { ...document, daemons: [] }, { mode: 'replace' })
    expect(losses).toEqual([])
    expect(plan.warnings).toMatchObject([{ code: 'no-effect', service: WEB }])
    expect((await ipvs.services.get(WEB))?.synproxy).toBe(false)
  })

  it('timeouts that can be held and not be set are losses, unless they are there', async () => {
    const document = edited(await sample('fullnat-v2'), (_, all) => {
      all.timeouts.tcp = 4000000
    })
    expect(await lossesOf(document, 'fullnat-v2')).toEqual(['timeouts.tcp'])
  })

  it('a document of a table in motion warns', async () => {
    const document = { ...(await sample('fullnat-v2')), consistent: false }
    const { ipvs } = await open('fullnat-v2')
    const { plan } = await restore(ipvs, document, { mode: 'merge', dryRun: true })
    expect(plan.warnings).toMatchObject([{ code: 'saved-in-motion' }])
  })
})

describe('sysctls', () => {
  it('come back, the local ports in the order in which they never cross', async () => {
    const { ipvs } = await open('fullnat-v3')
    await ipvs.sysctl.setLocalPorts({ min: 60001, max: 60002 })
    await ipvs.sysctl.set('reserve_core', 1)
    const document = await save(ipvs, { sysctls: true })
    expect(document.sysctls).not.toHaveProperty('nat_icmp_send')
    expect((await save(ipvs)).sysctls).toBeUndefined()
    const names = ['fullnat_lport_min', 'fullnat_lport_max', 'reserve_core']
    expect((await save(ipvs, { sysctls: names })).sysctls).toEqual({
      fullnat_lport_min: 60001,
      fullnat_lport_max: 60002,
      reserve_core: 1,
    })
    for (const ports of [
      { min: 1025, max: 2000 },
      { min: 61000, max: 62000 },
    ]) {
      const other = await open('fullnat-v3')
      await other.ipvs.sysctl.setLocalPorts(ports)
      const { applied, plan } = await restore(other.ipvs, document, { mode: 'replace' })
      expect(plan.steps.map((step) => step.kind === 'sysctl' && step.name).sort()).toEqual([...names].sort())
      expect(applied).toMatchObject({ complete: true, counts: { done: 3 } })
      expect(await save(other.ipvs, { sysctls: true })).toMatchObject({ sysctls: document.sysctls })
    }
  })

  it('what can be held and not be set is a loss, unless it is there', async () => {
    const { kernel, ipvs } = await open('fullnat-v2')
    await kernel.transport().files.writeSysctl('timeout_close', '-5')
    const document = await save(ipvs, { sysctls: ['timeout_close'] })
    expect(document.sysctls).toEqual({ timeout_close: -5 })
    expect(await restore(ipvs, document, { mode: 'replace' })).toMatchObject({
      losses: [],
      plan: { steps: [] },
    })
    const other = await open('fullnat-v2')
    const error = await failure(restore(other.ipvs, document, { mode: 'replace' }))
    expect(error).toMatchObject({ losses: [{ path: 'sysctls.timeout_close' }] })
  })

  it('one that fails stops nothing else', async () => {
    const document = await sample('fullnat-v2')
    const { kernel, ipvs } = await open('fullnat-v2')
    await ipvs.sysctl.set('expire_nodest_conn', 1)
    kernel.procSys = 'read-only'
    const { applied } = await restore(ipvs, document, { mode: 'replace' })
    expect(applied).toMatchObject({ complete: false, counts: { failed: 1, done: 4 } })
    expect(applied?.outcomes[0]).toMatchObject({ step: { kind: 'sysctl' }, error: { code: 'EROFS' } })
  })
})
