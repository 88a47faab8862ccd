// What a fake kernel does differently by its sysctls, how it takes a text, how it can be mounted, and that it is kept.

import { describe, expect, it } from 'vitest'
import { Ipvs, type SysctlName } from '../../lib'
import type { FakeDialect } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { rejection } from '../contract/harness'
import { addDestinations, DIALECTS, DNS, setUp, turns, WEB } from './fake-support'

const FULLNAT = ['fullnat-v2', 'fullnat-v3'] as const
const client = (port: number) => `198.51.100.7:${port}`
const REAL = { address: '10.0.0.1', port: 8080 }

async function fullnat(dialect: FakeDialect, options = {}) {
  const world = await setUp({ dialect, ...options })
  await world.ipvs.services.add(WEB)
  await addDestinations(world.ipvs, [1], WEB, { forwarding: 'fullnat' })
  await world.ipvs.localAddresses.add(WEB, '10.0.0.100')
  return world
}

/** A service with two destinations, and sysctls. */
async function masqueraded(
  dialect: FakeDialect,
  sysctls: { readonly [name: string]: number } = {},
  service = {},
) {
  const world = await setUp({ dialect })
  await world.ipvs.services.add({ ...WEB, ...service })
  await addDestinations(world.ipvs, [1, 1])
  for (const [name, value] of Object.entries(sysctls)) await world.ipvs.sysctl.set(name, value)
  return world
}

const removeAll = async (ipvs: Ipvs) => {
  for (const one of await ipvs.destinations.list(WEB)) await ipvs.destinations.remove(WEB, one)
}

describe.each(FULLNAT)('timeouts of %s are sysctls', (dialect) => {
  it.each([
    ['timeout_established', (_: unknown) => {}],
    ['timeout_timewait', (one: { close(): unknown }) => one.close()],
    ['timeout_close', (one: { reset(): unknown }) => one.reset()],
  ] as const)('%s', async (name, act) => {
    const { kernel, ipvs } = await setUp({ dialect })
    await ipvs.sysctl.set(name, 17)
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1])
    const one = kernel.connect({ client: client(1), service: WEB })
    act(one)
    expect(one.expiresIn).toBe(17)
    kernel.advance(16.9)
    expect(one.state).not.toBe('expired')
    kernel.advance(0.1)
    expect(one.state).toBe('expired')
  })

  it('timeout_synrecv and timeout_finwait', async () => {
    const { kernel, ipvs } = await masqueraded(dialect, { timeout_synrecv: 18, timeout_finwait: 19 })
    expect(kernel.connect({ client: client(1), service: WEB, established: false }).expiresIn).toBe(18)
    await ipvs.destinations.update(WEB, { ...REAL }, { forwarding: 'direct-route' })
    await ipvs.destinations.update(WEB, { address: '10.0.0.2', port: 8080 }, { forwarding: 'direct-route' })
    const one = kernel.connect({ client: client(2), service: WEB })
    one.close()
    expect([one.state, one.expiresIn]).toEqual(['fin-wait', 19])
  })
})

it('mainline has no such sysctls, and its own timeouts', async () => {
  const { kernel, ipvs } = await masqueraded('mainline')
  const one = kernel.connect({ client: client(1), service: WEB, established: false })
  expect(one.expiresIn).toBe(60)
  expect((await ipvs.sysctl.list()).filter(({ name }) => name.startsWith('timeout_'))).toEqual([])
})

describe.each(FULLNAT)('local ports of %s', (dialect) => {
  it('are those between fullnat_lport_min and _max, in fullnat_lport_tries tries', async () => {
    const { kernel, ipvs } = await fullnat(dialect)
    await ipvs.sysctl.setLocalPorts({ min: 7000, max: 7001 })
    await ipvs.sysctl.set('fullnat_lport_tries', 10)
    const ports = [1, 2].map((port) => kernel.connect({ client: client(port), service: WEB }).localPort)
    expect(ports.sort()).toEqual([7000, 7001])
    expect(kernel.attempt({ client: client(3), service: WEB }).refused).toMatchObject({
      kind: 'no-local-port',
    })
    expect((await ipvs.localAddresses.get(WEB, '10.0.0.100'))?.portConflicts).toBe(10n)
  })

  it('that crossed behind the library crash the kernel', async () => {
    const { kernel } = await fullnat(dialect)
    await kernel.transport().files.writeSysctl('fullnat_lport_max', '4999')
    expect(() => kernel.connect({ client: client(1), service: WEB })).toThrow('divide error')
  })

  it('start as the option says', async () => {
    const { ipvs } = await setUp({ dialect, localPorts: { min: 6000, max: 6005, tries: 20 } })
    const values = ['fullnat_lport_min', 'fullnat_lport_max', 'fullnat_lport_tries'] as const
    const held = await Promise.all(values.map((name) => ipvs.sysctl.get(name)))
    expect(held.map(({ value }) => value)).toEqual([6000, 6005, 20])
  })
})

describe('fullnat-v3', () => {
  it('reserve_core is the property of the kernel, and where local addresses go', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3', cpus: 4, reserveCore: 1 })
    expect((await ipvs.sysctl.get('reserve_core')).value).toBe(1)
    await ipvs.sysctl.set('reserve_core', 3)
    expect(kernel.reserveCore).toBe(3)
    await ipvs.services.add(WEB)
    await ipvs.localAddresses.add(WEB, '10.0.0.4')
    expect(kernel.dump().services[0]?.localAddresses[3]?.list).toHaveLength(1)
    kernel.reserveCore = 0
    expect((await ipvs.sysctl.get('reserve_core')).value).toBe(0)
  })

  it('timeout_established is the default of services that are added later', async () => {
    const { kernel, ipvs } = await masqueraded('fullnat-v3', { timeout_established: 40 })
    expect(kernel.connect({ client: client(1), service: WEB }).expiresIn).toBe(90)
    await ipvs.services.add({ ...WEB, port: 81 })
    expect(await ipvs.services.get({ ...WEB, port: 81 })).toMatchObject({ establishedTimeout: 40 })
  })

  it('conn_max_num is shared by the CPUs', async () => {
    const { kernel, ipvs } = await setUp({ dialect: 'fullnat-v3', cpus: 2 })
    await ipvs.services.add(WEB)
    await addDestinations(ipvs, [1])
    await ipvs.sysctl.set('conn_max_num', 4)
    const attempt = (port: number, cpu: number) =>
      kernel.attempt({ client: client(port), service: WEB, cpu }).refused?.kind
    expect([1, 2, 3].map((port) => attempt(port, 0))).toEqual([undefined, undefined, 'too-many-connections'])
    expect([4, 5, 6].map((port) => attempt(port, 1))).toEqual([undefined, undefined, 'too-many-connections'])
    expect(await ipvs.destinations.get(WEB, REAL)).toMatchObject({ activeConnections: 4 })
    await ipvs.sysctl.set('conn_max_num', 0)
    expect(attempt(7, 0)).toBeUndefined()
    // A template has its place, too.
    const persistent = await setUp({ dialect: 'fullnat-v3' })
    await persistent.ipvs.services.add({ ...WEB, persistence: { timeout: 50 } })
    await addDestinations(persistent.ipvs, [1])
    await persistent.ipvs.sysctl.set('conn_max_num', 3)
    const more = [1, 2, 3].map(
      (port) => persistent.kernel.attempt({ client: client(port), service: WEB }).refused?.kind,
    )
    expect(more).toEqual([undefined, undefined, 'too-many-connections'])
  })
})

describe.each(DIALECTS)('expire_nodest_conn on %s', (dialect) => {
  const mainline = dialect === 'mainline'

  it('0: connections of a removed destination stay, and their packets are dropped', async () => {
    const { kernel, ipvs } = await masqueraded(dialect)
    const one = kernel.connect({ client: client(1), service: WEB })
    await removeAll(ipvs)
    expect([one.state, one.traffic({ inPackets: 1 }), one.state]).toEqual([
      'established',
      false,
      'established',
    ])
    await ipvs.destinations.add(WEB, { ...REAL, address: '10.0.0.3', forwarding: 'masquerade' })
    expect(kernel.attempt({ client: client(1), service: WEB }).refused).toEqual({
      kind: 'destination-removed',
    })
  })

  it('1: they end, by the removal on mainline and by their next packet on FULLNAT kernels', async () => {
    const { kernel, ipvs } = await masqueraded(dialect, { expire_nodest_conn: 1 })
    const one = kernel.connect({ client: client(1), service: WEB })
    const other = kernel.connect({ client: client(2), service: WEB })
    await removeAll(ipvs)
    expect(one.state).toBe(mainline ? 'expired' : 'established')
    expect([one.traffic({ inPackets: 1 }), one.state]).toEqual([false, 'expired'])
    // A SYN, too, which FULLNAT kernels drop: the next one is scheduled.
    await ipvs.destinations.add(WEB, { ...REAL, address: '10.0.0.3', forwarding: 'masquerade' })
    const refused = () => kernel.attempt({ client: client(2), service: WEB }).refused?.kind
    expect([refused(), refused()]).toEqual([mainline ? undefined : 'destination-removed', undefined])
    expect(other.state).toBe('expired')
    expect(kernel.connections()).toHaveLength(1)
  })

  it('1: flush and the removal of a service end them, too', async () => {
    for (const remove of ['flush', 'remove'] as const) {
      const { kernel, ipvs } = await masqueraded(
        dialect,
        { expire_nodest_conn: 1 },
        { persistence: { timeout: 50 } },
      )
      kernel.connect({ client: client(1), service: WEB })
      if (remove === 'flush') await ipvs.flush()
      else await ipvs.services.remove(WEB)
      expect(kernel.connections()).toHaveLength(mainline ? 0 : 1)
      expect(kernel.dump().templates).toHaveLength(mainline ? 0 : 1)
    }
  })
})

describe.each(DIALECTS)('expire_quiescent_template on %s', (dialect) => {
  it.each([
    [0, 'stays with its destination of weight 0', '2'],
    [1, 'leaves its destination of weight 0', '1'],
  ] as const)('%i: a persistent client %s', async (value, _, then) => {
    const { kernel, ipvs } = await masqueraded(
      dialect,
      { expire_quiescent_template: value },
      { persistence: { timeout: 50 } },
    )
    const first = kernel.connect({ client: client(1), service: WEB }).destination.address
    expect(first).toBe('10.0.0.2')
    await ipvs.destinations.update(WEB, { address: '10.0.0.2', port: 8080 }, { weight: 0 })
    expect(turns(kernel, 1, 'tcp 192.0.2.1:80', 2)).toBe(then)
  })
})

describe('conn_reuse_mode of mainline', () => {
  /** Whether a client that uses the port of an ended connection again has the same one. */
  async function again(
    mode: number,
    end: (one: { close(): unknown; reset(): unknown }) => unknown,
    forwarding = 'masquerade',
  ) {
    const { kernel, ipvs } = await masqueraded('mainline', { conn_reuse_mode: mode })
    for (const i of [1, 2])
      await ipvs.destinations.update(WEB, { address: `10.0.0.${i}`, port: 8080 }, { forwarding } as object)
    const one = kernel.connect({ client: client(1), service: WEB })
    end(one)
    const other = kernel.connect({ client: client(1), service: WEB })
    return one.id === other.id ? 'same' : 'another'
  }

  it.each([
    [0, 'same', 'same', 'same'],
    [1, 'another', 'another', 'same'],
    [2, 'another', 'another', 'another'],
    [3, 'another', 'another', 'another'],
  ])('%i: %s after time-wait, %s after a RST, %s in fin-wait', async (mode, wait, rst, fin) => {
    expect(await again(mode, (one) => one.close())).toBe(wait)
    expect(await again(mode, (one) => one.reset())).toBe(rst)
    expect(await again(mode, (one) => one.close(), 'direct-route')).toBe(fin)
  })

  it.each([
    [0, 'same'],
    [1, 'another'],
  ] as const)(
    'with expire_nodest_conn %i, an open connection to a destination of weight 0: %s',
    async (expire, then) => {
      const { kernel, ipvs } = await masqueraded('mainline', { expire_nodest_conn: expire })
      const one = kernel.connect({ client: client(1), service: WEB })
      await ipvs.destinations.update(WEB, one.destination, { weight: 0 })
      const other = kernel.connect({ client: client(1), service: WEB })
      expect(one.destination.address === other.destination.address ? 'same' : 'another').toBe(then)
    },
  )

  it('a connection of a template, and UDP, stay', async () => {
    const { kernel, ipvs } = await masqueraded('mainline', {}, { persistence: { timeout: 50 } })
    const one = kernel.connect({ client: client(1), service: WEB })
    one.close()
    expect(kernel.connect({ client: client(1), service: WEB }).id).toBe(one.id)
    await ipvs.services.add(DNS)
    await addDestinations(ipvs, [1, 1], DNS)
    const query = kernel.connect({ client: client(1), service: DNS })
    expect(kernel.connect({ client: client(1), service: DNS }).id).toBe(query.id)
  })
})

describe('a text that is written', () => {
  const cases: readonly (readonly [FakeDialect, SysctlName, string, string | undefined])[] = [
    // As the kernels were seen to take it; undefined is EINVAL.
    ...DIALECTS.flatMap((dialect) =>
      (
        [
          ['amemthresh', '', '1024'],
          ['amemthresh', ' 7 ', '7'],
          ['amemthresh', '7\n', '7'],
          ['amemthresh', '0x10', '16'],
          ['amemthresh', '017', '15'],
          ['amemthresh', '-0', '0'],
          ['amemthresh', '7x', undefined],
          ['amemthresh', '1.5', undefined],
          ['amemthresh', '+1', undefined],
          ['amemthresh', 'x', undefined],
          ['drop_packet', '2', '1'],
          ['sync_threshold', '4', '4\t50'],
          ['sync_threshold', '0x4 0x40', '4\t64'],
          ['sync_threshold', '3,50', undefined],
        ] as const
      ).map(([name, text, held]) => [dialect, name, text, held] as const),
    ),
    ['mainline', 'amemthresh', '2147483648', undefined],
    ['mainline', 'drop_packet', '4', undefined],
    ['mainline', 'sync_threshold', '1 0', '1\t0'],
    ['mainline', 'sync_threshold', '3 999999999999', undefined],
    ['mainline', 'sync_ports', '128', '128'],
    ['mainline', 'sync_ports', '3', undefined],
    ['mainline', 'sync_qlen_max', '8589934592', '8589934592'],
    ['mainline', 'lblc_expiration', '2147484', '2147484'],
    ['mainline', 'lblc_expiration', '134217728', undefined],
    ['mainline', 'est_cpulist', '0-0,1', '0-1'],
    ['mainline', 'est_cpulist', '1,0', '0-1'],
    ['mainline', 'est_cpulist', '-1', undefined],
    ['fullnat-v2', 'amemthresh', '4294967295', '-1'],
    ['fullnat-v2', 'drop_packet', '4', '0'],
    ['fullnat-v2', 'sync_threshold', '1 0', '3\t50'],
    ['fullnat-v2', 'synproxy_sack', '4294967296', '0'],
    ['fullnat-v2', 'synproxy_sack', '2', undefined],
    ['fullnat-v2', 'timeout_close', '2147484', '-2147483'],
    ['fullnat-v2', 'timeout_established', '-1', '-1'],
    ['fullnat-v3', 'timeout_close', '134217728', '1073741'],
  ]

  it.each(cases)('%s: %s, %j', async (dialect, name, text, held) => {
    const { files } = new FakeKernel({ dialect, cpus: 2 }).transport()
    const before = await files.readSysctl(name)
    const code = await files.writeSysctl(name, text).then(
      () => undefined,
      (error) => error.code,
    )
    expect(code).toBe(held === undefined ? 'EINVAL' : undefined)
    expect(await files.readSysctl(name)).toBe(held === undefined ? before : `${held}\n`)
  })

  it('a CPU that is not there', async () => {
    const { files } = new FakeKernel({ dialect: 'mainline', cpus: 2 }).transport()
    expect((await rejection(files.writeSysctl('est_cpulist', '0-2'))).code).toBe('ERANGE')
    expect(await files.readSysctl('est_cpulist')).toBe('0-1\n')
  })
})

describe('how /proc/sys is mounted', () => {
  it('read-only', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.procSys = 'read-only'
    expect((await ipvs.sysctl.get('timeout_close')).value).toBe(3)
    expect(await rejection(ipvs.sysctl.set('timeout_close', 5))).toMatchObject({
      code: 'EROFS',
      errno: -30,
      syscall: 'open',
    })
    expect(await rejection(ipvs.sysctl.setLocalPorts({ min: 5001 }))).toMatchObject({ code: 'EROFS' })
    kernel.procSys = 'writable'
    expect(await ipvs.sysctl.set('timeout_close', 5)).toBe(5)
  })

  it('missing', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.procSys = 'missing'
    for (const call of [
      ipvs.sysctl.list(),
      ipvs.sysctl.get('timeout_close'),
      ipvs.sysctl.set('timeout_close', 5),
    ]) {
      expect(await rejection(call)).toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED', errno: -2 })
    }
  })

  it('as nothing else', () => {
    const kernel = new FakeKernel()
    expect(() => {
      kernel.procSys = 'tmpfs' as never
    }).toThrow("The argument 'procSys' must be one of: 'writable', 'read-only', 'missing'")
    expect(kernel.procSys).toBe('writable')
  })

  it('without CAP_NET_ADMIN nothing is written', async () => {
    const { kernel, ipvs } = await setUp()
    kernel.revoke()
    expect((await ipvs.sysctl.get('timeout_close')).value).toBe(3)
    expect(await rejection(ipvs.sysctl.set('timeout_close', 5))).toMatchObject({ code: 'EACCES', errno: -13 })
    kernel.grant()
    expect(await ipvs.sysctl.set('timeout_close', 5)).toBe(5)
  })

  it('a FULLNAT kernel shows them in the initial namespace alone, and without ip_vs there are none', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const { files } = kernel.transport({ foreignNamespace: true })
    for (const look of [
      files.listSysctls(),
      files.readSysctl('timeout_close'),
      files.writeSysctl('timeout_close', '1'),
    ]) {
      expect(await rejection(look)).toMatchObject({ code: 'ENOENT' })
    }
    kernel.unloadModule()
    expect(await rejection(kernel.transport().files.listSysctls())).toMatchObject({ code: 'ENOENT' })
  })
})

describe.each(DIALECTS)('sysctls of a dump of %s', (dialect) => {
  it('are taken back', async () => {
    const { kernel, ipvs } = await setUp({ dialect, cpus: 2, localPorts: { min: 6000 } })
    await ipvs.sysctl.set('amemthresh', 7)
    await ipvs.sysctl.set('sync_threshold', [5, 55])
    if (dialect !== 'mainline') await ipvs.sysctl.set('timeout_finwait', 21)
    if (dialect === 'fullnat-v3') await ipvs.sysctl.set('reserve_core', 1)
    kernel.procSys = 'read-only'
    const before = await ipvs.sysctl.list()
    const copy = new FakeKernel({ dialect, cpus: 2 })
    copy.load(JSON.parse(JSON.stringify(kernel.dump())))
    expect(copy.procSys).toBe('read-only')
    expect(copy.dump()).toEqual(kernel.dump())
    const reader = await Ipvs.open({ transport: copy.transport() })
    expect(await reader.sysctl.list()).toEqual(before)
  })

  it('a dump without them leaves the defaults', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    const before = await ipvs.sysctl.list()
    const { sysctls: _, procSys: __, ...dump } = kernel.dump()
    await ipvs.sysctl.set('amemthresh', 7)
    kernel.procSys = 'missing'
    kernel.load(dump)
    expect(await ipvs.sysctl.list()).toEqual(before)
  })

  it('and start over with the module', async () => {
    const { kernel, ipvs } = await setUp({ dialect })
    const before = await ipvs.sysctl.list()
    await ipvs.sysctl.set('amemthresh', 7)
    if (dialect !== 'mainline') await ipvs.sysctl.set('timeout_established', 7)
    kernel.loadModule()
    expect(await ipvs.sysctl.list()).toEqual(before)
  })
})
