// Statistics as a client reads them, on fake kernels: what the fake counts and how it writes it, limits and failures.

import { describe, expect, it } from 'vitest'
import type { KernelFile, KernelFileName, Transport } from '../../lib'
import { Ipvs } from '../../lib'
import { readKernelText } from '../../lib/client/kernel-text'
import { fileError } from '../../lib/kernel/file-error'
import type { FakeKernelOptions } from '../../lib/testing'
import { FakeKernel } from '../../lib/testing'
import { goldenFile } from './support/golden-proc'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const REAL = { address: '10.0.0.2', port: 8080 } as const
const big = BigInt

async function machine(options: FakeKernelOptions) {
  const kernel = new FakeKernel(options)
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const file = (name: KernelFileName) => readKernelText(kernel.transport().files, name)
  const extended = async () => {
    const { counters } = await ipvs.extendedStats()
    const counted = counters.filter(({ total }) => total > big(0))
    return Object.fromEntries(counted.map(({ name, perCpu }) => [name, perCpu.map(Number)]))
  }
  return { kernel, ipvs, file, extended }
}

/** A FULLNAT service with a destination, and a local address for each of four CPUs. */
async function fullnatService(ipvs: Ipvs, more: { synproxy?: boolean } = {}, weight = 1): Promise<void> {
  await ipvs.services.add({ ...WEB, scheduler: 'rr', ...more })
  await ipvs.destinations.add(WEB, { ...REAL, forwarding: 'fullnat', weight })
  for (const last of [100, 101, 102, 103]) await ipvs.localAddresses.add(WEB, `10.0.0.${last}`)
}

const bare = (text: string) => text.replace(/\b\d+(?= )/g, '0').replace(/ +0/g, ' 0')

describe('the files of a fake kernel are written as those of the real one', () => {
  it.each(['fullnat-v2', 'fullnat-v3'] as const)('%s, nothing counted', async (dialect) => {
    const { file } = await machine({ dialect })
    expect(await file('ip_vs_ext_stats')).toBe(goldenFile(`ip_vs_ext_stats-${dialect}`))
    expect(await file('ip_vs_stats')).toBe(goldenFile(`ip_vs_stats-${dialect}`))
  })

  it('fullnat-v2 with traffic, one CPU', async () => {
    const { kernel, ipvs, file } = await machine({ dialect: 'fullnat-v2' })
    await fullnatService(ipvs)
    for (let port = 1; port <= 206; port++) kernel.connect({ client: `198.51.100.7:${port}`, service: WEB })
    const counts = { inPackets: 3454, outPackets: 6787, inBytes: 159922, outBytes: 8709349 }
    kernel.traffic({ service: WEB, destination: REAL }, counts)
    expect(await file('ip_vs_stats')).toBe(goldenFile('ip_vs_stats-fullnat-v2-traffic'))
  })

  it('several CPUs: captions and columns', async () => {
    const { file } = await machine({ dialect: 'fullnat-v3', cpus: 4 })
    const v2 = await machine({ dialect: 'fullnat-v2', cpus: 4 })
    expect(bare(await v2.file('ip_vs_ext_stats'))).toBe(bare(goldenFile('ip_vs_ext_stats-fullnat-v2-smp4')))
    expect(bare(await v2.file('ip_vs_stats'))).toBe(bare(goldenFile('ip_vs_stats-fullnat-v2-smp4')))
    expect((await file('ip_vs_ext_stats')).split('\n')[0]).toBe(
      goldenFile('ip_vs_ext_stats-fullnat-v2-smp4').split('\n')[0],
    )
  })

  it('mainline with traffic on four CPUs: ip_vs_stats and ip_vs_stats_percpu', async () => {
    const { kernel, ipvs, file } = await machine({ dialect: 'mainline', cpus: 4 })
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, { ...REAL, forwarding: 'masquerade' })
    for (let port = 1; port <= 3; port++) {
      const connection = kernel.connect({ client: `198.51.100.7:${port}`, service: WEB })
      connection.traffic({ inPackets: 1, outPackets: 1, inBytes: 60, outBytes: 40 })
    }
    const golden = goldenFile('ip_vs_stats_percpu-mainline-7.2-smp4')
    const counted = golden.split('\n')[2]
    const lines = (await file('ip_vs_stats_percpu')).split('\n')
    expect(lines[2]).toBe(counted)
    const widths = (text: string) => text.split('\n').map((line) => line.length)
    expect(widths(await file('ip_vs_stats_percpu'))).toEqual(widths(golden))
    expect(widths(await file('ip_vs_stats'))).toEqual(widths(goldenFile('ip_vs_stats-mainline-7.2-smp4')))
    for (const name of ['ip_vs_stats', 'ip_vs_stats_percpu'] as const) {
      const real = goldenFile(`${name}-mainline-7.2-smp4`).split('\n')
      const words = (line: string) => /[a-z]/.test(line)
      expect((await file(name)).split('\n').filter(words)).toEqual(real.filter(words))
    }
  })

  it('the rules of fullnat-v2, of the basic transcript', async () => {
    const { ipvs, file } = await machine({ dialect: 'fullnat-v2', connectionTableSize: 65536, routes: [] })
    const vip = '192.168.100.1'
    const web = { ...WEB, address: vip }
    const dns = { protocol: 'udp', address: vip, port: 53 } as const
    const six = { protocol: 'tcp', address: 'fd00::1', port: 80 } as const
    const marked = { fwmark: 7, family: 'ipv4' } as const
    await ipvs.services.add({ ...web, scheduler: 'rr' })
    await ipvs.destinations.add(web, { ...REAL, forwarding: 'fullnat', weight: 100 })
    await ipvs.destinations.add(web, { address: '10.0.0.3', port: 8080, forwarding: 'fullnat', weight: 50 })
    await ipvs.services.add({ ...dns, scheduler: 'wlc' })
    await ipvs.destinations.add(dns, { address: '10.0.0.2', port: 53, forwarding: 'fullnat' })
    await ipvs.services.add({ ...six, scheduler: 'wrr' })
    await ipvs.destinations.add(six, { address: 'fd00:1::2', port: 80, forwarding: 'masquerade' })
    await ipvs.services.add({ ...marked, scheduler: 'rr' })
    await ipvs.destinations.add(marked, { address: '10.0.0.2', port: 0, forwarding: 'fullnat' })
    expect(await file('ip_vs')).toBe(goldenFile('ip_vs-fullnat-v2'))
  })

  it.each([
    ['fullnat-v2', 'fullnat-v2-smp4', 1048576],
    ['mainline', 'mainline-7.2-smp4', 256],
  ] as const)('the rules of %s: one-packet, persistence, IPv6, marks', async (dialect, golden, size) => {
    const { kernel, ipvs, file } = await machine({ dialect, connectionTableSize: size, routes: [] })
    const web = { protocol: 'tcp', address: '127.0.0.1', port: 80 } as const
    await ipvs.services.add({ ...web, scheduler: 'rr' })
    await ipvs.services.add({
      protocol: 'udp',
      address: '192.0.2.1',
      port: 54,
      scheduler: 'wlc',
      onePacket: true,
      persistence: { timeout: 300 },
    })
    const six = { address: '2001:db8::1', port: 80 } as const
    await ipvs.services.add({
      ...six,
      protocol: 'tcp',
      scheduler: 'sh',
      persistence: { timeout: 300, netmask: 64 },
    })
    await ipvs.services.add({ ...six, protocol: 'udp', scheduler: 'rr', onePacket: true })
    const four = { fwmark: 7, family: 'ipv4' } as const
    const eight = { fwmark: 8, family: 'ipv6' } as const
    await ipvs.services.add({ ...four, scheduler: 'wrr', onePacket: true })
    await ipvs.services.add({ ...eight, scheduler: 'wrr' })
    await ipvs.destinations.add(web, { address: '127.0.0.1', port: 8080, forwarding: 'masquerade' })
    await ipvs.destinations.add(four, { address: '10.9.0.9', port: 8080, forwarding: 'tunnel', weight: 7 })
    await ipvs.destinations.add(eight, {
      address: '2001:db8::9',
      port: 8080,
      forwarding: 'direct-route',
      weight: 70,
    })
    for (let port = 1; port <= 12; port++) {
      kernel.connect({ client: `198.51.100.7:${port}`, service: web }).close()
    }
    // Mainline's order is up to a key that is secret.
    const blocks = (text: string) => text.split(/\n(?! {2}->)/).sort()
    const text = await file('ip_vs')
    expect(blocks(text)).toEqual(blocks(goldenFile(`ip_vs-${golden}`)))
    if (dialect === 'fullnat-v2') expect(text).toBe(goldenFile(`ip_vs-${golden}`))
  })

  it('fullnat-v3 lists no rules; mainline has a status only where its tables grow', async () => {
    const missing = { code: 'ENOENT', errno: -2, syscall: 'open' }
    await expect((await machine({ dialect: 'fullnat-v3' })).file('ip_vs')).rejects.toMatchObject(missing)
    await expect((await machine({ dialect: 'mainline' })).file('ip_vs_status')).rejects.toMatchObject(missing)
    const { kernel, ipvs, file } = await machine({
      dialect: 'mainline',
      connectionTableSize: 256,
      resizableTables: true,
    })
    const threads = (text: string) => text.replace(/Stats thread slots:[\s\S]*/, '')
    expect(threads(await file('ip_vs_status'))).toBe(
      threads(goldenFile('ip_vs_status-mainline-7.2-flushed'))
        .replace('Conns:\t12', 'Conns:\t0')
        .replace(/Conn buckets (empty|len-\d).*\n/g, ''),
    )
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, { ...REAL, forwarding: 'masquerade' })
    for (let port = 1; port <= 12; port++) kernel.connect({ client: `198.51.100.7:${port}`, service: WEB })
    const status = await ipvs.status()
    expect(status).toMatchObject({
      connections: 12,
      services: 1,
      serviceTable: { buckets: 16, bits: 4, loadFactor: -3 },
    })
    const { emptyBuckets, chains, buckets } = status.connectionTable
    expect(chains.reduce((sum, chain) => sum + chain.buckets, emptyBuckets ?? 0)).toBe(buckets)
    expect(chains.reduce((sum, chain) => sum + chain.length * chain.buckets, 0)).toBe(24)
  })

  it('ip_vs_app counts masqueraded FTP', async () => {
    const { kernel, ipvs, file } = await machine({ dialect: 'mainline' })
    expect(await file('ip_vs_app')).toBe(goldenFile('ip_vs_app-mainline'))
    const ftp = { ...WEB, port: 21 }
    await ipvs.services.add(ftp)
    await ipvs.destinations.add(ftp, { ...REAL, forwarding: 'masquerade' })
    kernel.connect({ client: '198.51.100.7:1', service: ftp })
    expect(await ipvs.applicationHelpers()).toEqual([{ protocol: 'tcp', port: 21, uses: 1, name: 'ftp' }])
  })
})

describe('what a fake kernel counts', () => {
  it('mainline: total, rates by its estimator, and zero() that leaves the CPUs alone', async () => {
    const { kernel, ipvs } = await machine({ dialect: 'mainline' })
    await ipvs.services.add(WEB)
    await ipvs.destinations.add(WEB, { ...REAL, forwarding: 'masquerade' })
    const connection = kernel.connect({ client: '198.51.100.7:1', service: WEB })
    connection.traffic({ inPackets: 4096, outPackets: 5, inBytes: 6, outBytes: 7 })
    kernel.advance(2)
    const { total, rates } = await ipvs.stats()
    expect(total).toEqual({
      connections: big(1),
      inPackets: big(4096),
      outPackets: big(5),
      inBytes: big(6),
      outBytes: big(7),
    })
    const service = await ipvs.services.get(WEB)
    expect(rates).toEqual(service?.stats.rates)
    expect(rates?.inPackets).toBe(big(512))
    await ipvs.zero()
    connection.traffic({ inPackets: 1 })
    const after = await ipvs.stats()
    expect(after.total).toMatchObject({ connections: big(0), inPackets: big(1) })
    expect(after.rates).toMatchObject({ inPackets: big(0) })
    expect(after.cpus).toMatchObject([{ cpu: 0, connections: big(1), inPackets: big(4097) }])
  })

  it('counts stay when the service goes, and go with the module', async () => {
    const { kernel, ipvs } = await machine({ dialect: 'fullnat-v2' })
    await fullnatService(ipvs)
    kernel.connect({ client: '198.51.100.7:1', service: WEB })
    await ipvs.zero(WEB)
    await ipvs.flush()
    expect((await ipvs.stats()).total.connections).toBe(big(1))
    await ipvs.zero()
    expect((await ipvs.stats()).cpus[0]?.connections).toBe(big(0))
    kernel.loadModule()
    expect((await ipvs.stats()).total.connections).toBe(big(0))
  })

  it('fullnat-v3 counts on the CPU that got the packet', async () => {
    const { kernel, ipvs, extended } = await machine({ dialect: 'fullnat-v3', cpus: 4 })
    await fullnatService(ipvs)
    const connection = kernel.connect({ client: '198.51.100.7:1', service: WEB, cpu: 2 })
    connection.traffic({ inPackets: 3, inBytes: 4 })
    const { cpus, total } = await ipvs.stats()
    expect(cpus.map(({ connections, inPackets }) => [Number(connections), Number(inPackets)])).toEqual([
      [0, 0],
      [0, 0],
      [1, 3],
      [0, 0],
    ])
    expect(total).toMatchObject({ connections: big(1), inBytes: big(4) })
    await ipvs.destinations.set(WEB, { ...REAL, forwarding: 'fullnat', weight: 0 })
    kernel.attempt({ client: '198.51.100.7:2', service: WEB, cpu: 3 })
    expect(await extended()).toEqual({ conn_sched_unreach: [0, 0, 0, 1] })
  })

  it.each(['fullnat-v2', 'fullnat-v3'] as const)(
    '%s: conn_sched_unreach for whatever cannot be scheduled',
    async (dialect) => {
      const { kernel, ipvs, extended } = await machine({
        dialect,
        localPorts: { min: 5000, max: 5000, tries: 1 },
      })
      const arrive = (port: number, service: object = WEB) =>
        kernel.attempt({ client: `198.51.100.7:${port}`, service: service as typeof WEB }).refused?.kind
      await ipvs.services.add({ ...WEB, scheduler: 'rr' })
      expect(arrive(1)).toBe('no-destination')
      await ipvs.destinations.add(WEB, { ...REAL, forwarding: 'fullnat' })
      expect(arrive(2)).toBe('no-local-address')
      await ipvs.localAddresses.add(WEB, '10.0.0.100')
      expect(arrive(3)).toBeUndefined()
      expect(arrive(4)).toBe('no-local-port')
      expect(await extended()).toEqual({ conn_sched_unreach: [3] })
      // No service, no schedule.
      expect(arrive(5, { ...WEB, port: 81 })).toBe('no-service')
      expect(kernel.attempt({ client: '198.51.100.7:6', service: WEB, to: { port: 81 } }).refused?.kind).toBe(
        'wrong-port',
      )
      expect(await extended()).toEqual({ conn_sched_unreach: [3] })
      const every = { ...WEB, address: '192.0.2.2', port: 0 }
      await ipvs.services.add({ ...every, scheduler: 'rr' })
      expect(
        kernel.attempt({ client: '198.51.100.7:7', service: every, to: { port: 81 } }).refused?.kind,
      ).toBe('wrong-port')
      expect(await extended()).toEqual({ conn_sched_unreach: [4] })
    },
  )

  it('mainline counts no such events', async () => {
    const { kernel, ipvs } = await machine({ dialect: 'mainline' })
    await ipvs.services.add(WEB)
    kernel.attempt({ client: '198.51.100.7:1', service: WEB })
    expect(kernel.dump().counters.extended).toEqual([{}])
  })

  it('the SYN proxy: handshakes, and on fullnat-v3 services of no weight', async () => {
    const v2 = await machine({ dialect: 'fullnat-v2' })
    await fullnatService(v2.ipvs, { synproxy: true }, 0)
    v2.kernel.attempt({ client: '198.51.100.7:1', service: WEB })
    expect(await v2.extended()).toEqual({
      synproxy_syn_cnt: [1],
      synproxy_ok_ack: [1],
      conn_sched_unreach: [1],
    })
    const v3 = await machine({ dialect: 'fullnat-v3' })
    await fullnatService(v3.ipvs, { synproxy: true }, 0)
    v3.kernel.attempt({ client: '198.51.100.7:1', service: WEB })
    expect(await v3.extended()).toEqual({ synproxy_no_dest: [1] })
    await v3.ipvs.destinations.set(WEB, { ...REAL, forwarding: 'fullnat', weight: 1 })
    v3.kernel.connect({ client: '198.51.100.7:2', service: WEB })
    expect(await v3.extended()).toEqual({
      synproxy_no_dest: [1],
      synproxy_syn_cnt: [1],
      synproxy_ok_ack: [1],
    })
  })

  it('connections that are taken over', async () => {
    const { kernel, ipvs, extended } = await machine({ dialect: 'fullnat-v2' })
    await fullnatService(ipvs)
    const connect = () => kernel.connect({ client: '198.51.100.7:1', service: WEB })
    connect().close()
    connect().reset()
    connect()
    expect(await extended()).toEqual({
      fullnat_conn_reused: [2],
      fullnat_conn_reused_timewait: [1],
      fullnat_conn_reused_close: [1],
    })
    const proxied = await machine({ dialect: 'fullnat-v2' })
    await fullnatService(proxied.ipvs, { synproxy: true })
    const again = () => proxied.kernel.connect({ client: '198.51.100.7:1', service: WEB })
    again().close()
    again()
    expect(await proxied.extended()).toEqual({
      synproxy_syn_cnt: [2],
      synproxy_ok_ack: [2],
      synproxy_conn_reused: [1],
      synproxy_conn_reused_timewait: [1],
    })
  })

  it('established connections that expire are reset; masqueraded ones are not, closing ones neither', async () => {
    const { kernel, ipvs, extended } = await machine({ dialect: 'fullnat-v2' })
    await fullnatService(ipvs)
    kernel.connect({ client: '198.51.100.7:1', service: WEB })
    kernel.connect({ client: '198.51.100.7:2', service: WEB }).close()
    const other = { ...WEB, port: 81 }
    await ipvs.services.add({ ...other, scheduler: 'rr' })
    await ipvs.destinations.add(other, { ...REAL, forwarding: 'masquerade' })
    kernel.connect({ client: '198.51.100.7:3', service: other })
    kernel.advance(1000)
    expect(kernel.connections()).toEqual([])
    expect(await extended()).toEqual({ rst_in_established: [1], rst_out_established: [1] })
  })

  it('a dump has them all, and a kernel that loads it goes on counting', async () => {
    const { kernel, ipvs } = await machine({ dialect: 'fullnat-v3', cpus: 2 })
    await fullnatService(ipvs)
    kernel.connect({ client: '198.51.100.7:1', service: WEB, cpu: 1 })
    await ipvs.destinations.set(WEB, { ...REAL, forwarding: 'fullnat', weight: 0 })
    kernel.attempt({ client: '198.51.100.7:2', service: WEB, cpu: 0 })
    const other = new FakeKernel({ dialect: 'fullnat-v3', cpus: 2 })
    other.load(kernel.dump())
    const text = async (from: FakeKernel, name: KernelFileName) =>
      readKernelText(from.transport().files, name)
    for (const name of ['ip_vs_stats', 'ip_vs_ext_stats'] as const) {
      expect(await text(other, name)).toBe(await text(kernel, name))
    }
    other.attempt({ client: '198.51.100.7:2', service: WEB, cpu: 0 })
    expect(other.dump().counters.extended).toEqual([{ conn_sched_unreach: '2' }, {}])
    expect(kernel.dump().counters.extended).toEqual([{ conn_sched_unreach: '1' }, {}])
    const mainline = new FakeKernel({ dialect: 'mainline' })
    const client = await Ipvs.open({ transport: mainline.transport() })
    await client.services.add(WEB)
    await client.destinations.add(WEB, { ...REAL, forwarding: 'masquerade' })
    mainline.connect({ client: '198.51.100.7:1', service: WEB })
    mainline.advance(2)
    await client.zero()
    mainline.connect({ client: '198.51.100.7:2', service: WEB })
    mainline.advance(2)
    const loaded = new FakeKernel({ dialect: 'mainline' })
    loaded.load(mainline.dump())
    for (const name of ['ip_vs_stats', 'ip_vs_stats_percpu'] as const) {
      expect(await text(loaded, name)).toBe(await text(mainline, name))
    }
  })
})

/** A client whose files are what the test says. */
async function withFiles(
  files: (inner: Transport['files']) => Partial<Transport['files']>,
  options: FakeKernelOptions = { dialect: 'fullnat-v2' },
) {
  const inner = new FakeKernel(options).transport()
  let armed = false
  const changed = { ...inner.files, ...files(inner.files) }
  const transport: Transport = {
    ...inner,
    get files() {
      return armed ? changed : inner.files
    },
  }
  const ipvs = await Ipvs.open({ transport })
  armed = true
  return ipvs
}

function textFile(text: string, piece = 7): KernelFile & { closed: number } {
  let rest = Buffer.from(text)
  return {
    closed: 0,
    async read(into) {
      const count = rest.copy(into, 0, 0, piece)
      rest = rest.subarray(count)
      return count
    },
    close() {
      this.closed++
    },
  }
}

describe('failures', () => {
  it('a file in small pieces is read whole and closed once', async () => {
    const file = textFile(goldenFile('ip_vs_stats-fullnat-v2-traffic'))
    const ipvs = await withFiles(() => ({ open: async () => file }))
    expect((await ipvs.stats()).total.outBytes).toBe(big(8709349))
    expect(file.closed).toBe(1)
  })

  it('a garbled line: which file, which line, what stands there; the file is closed', async () => {
    const file = textFile(goldenFile('ip_vs_stats-fullnat-v2-traffic').replace('206', '2o6'))
    const ipvs = await withFiles(() => ({ open: async () => file }))
    const error = await ipvs.stats().catch((reason) => reason)
    expect(error).toMatchObject({
      code: 'ERR_IPVS_MALFORMED_FILE',
      operation: 'stats',
      file: '/proc/net/ip_vs_stats',
      line: 3,
      sent: false,
    })
    expect(error.text).toMatch(/^CPU 0: +2o6 /)
    expect(file.closed).toBe(1)
    // The line that called is in the stack.
    expect(error.stack).toContain('statistics.test.ts')
  })

  it.each([
    [2, 'ENOENT', 'ERR_IPVS_UNSUPPORTED', /hides it/],
    [13, 'EACCES', 'EACCES', /not permitted to read/],
  ])('errno %d: %s', async (errno, _name, code, says) => {
    for (const dialect of ['fullnat-v2', 'mainline', 'fullnat-v3'] as const) {
      const open = async (name: KernelFileName) => {
        throw fileError(errno, 'open', `/proc/net/${name}`)
      }
      const ipvs = await withFiles(() => ({ open }), { dialect })
      for (const call of ['stats', 'applicationHelpers'] as const) {
        const error = await ipvs[call]().catch((reason: unknown) => reason)
        expect(error).toMatchObject({ code, errno: -errno, syscall: 'open', operation: call })
        expect((error as Error).message).toMatch(says)
      }
    }
  })

  it('mainline without ip_vs_stats_percpu has no CPUs to show; one that cannot be read is an error', async () => {
    const failing = (errno: number) => (inner: Transport['files']) => ({
      open: async (name: KernelFileName) => {
        if (name === 'ip_vs_stats_percpu') throw fileError(errno, 'open', name)
        return inner.open(name)
      },
    })
    const old = await withFiles(failing(2), { dialect: 'mainline' })
    expect(await old.stats()).toMatchObject({ cpus: [], total: { connections: big(0) } })
    const masked = await withFiles(failing(13), { dialect: 'mainline' })
    await expect(masked.stats()).rejects.toMatchObject({
      code: 'EACCES',
      file: '/proc/net/ip_vs_stats_percpu',
    })
  })

  it('an error while reading closes the file; one without an errno comes as it is', async () => {
    const broken = textFile('x')
    broken.read = async () => {
      throw fileError(5, 'read', '/proc/net/ip_vs_stats')
    }
    const ipvs = await withFiles(() => ({ open: async () => broken }))
    await expect(ipvs.stats()).rejects.toMatchObject({ code: 'EIO', errno: -5, syscall: 'read' })
    expect(broken.closed).toBe(1)
    const odd = await withFiles(() => ({
      open: () => {
        throw new TypeError('a defect of the transport')
      },
    }))
    await expect(odd.stats()).rejects.toThrow(new TypeError('a defect of the transport'))
  })

  it('a silent kernel: timeout and abort end the call and close the file', async () => {
    const silent = textFile('x')
    silent.read = () => new Promise(() => {})
    const ipvs = await withFiles(() => ({ open: async () => silent }))
    await expect(ipvs.stats({ timeout: 20 })).rejects.toMatchObject({
      code: 'ERR_IPVS_TIMEOUT',
      operation: 'stats',
    })
    expect(silent.closed).toBe(1)
    const controller = new AbortController()
    const call = ipvs.extendedStats({ signal: controller.signal, timeout: 0 })
    controller.abort()
    await expect(call).rejects.toMatchObject({
      code: 'ABORT_ERR',
      name: 'AbortError',
      operation: 'extendedStats',
    })
    // It was being opened.
    await new Promise((resolve) => setImmediate(resolve))
    expect(silent.closed).toBe(2)
  })

  it('a file that is open after the call was given up is closed', async () => {
    let opened = (_: KernelFile) => {}
    const late = new Promise<KernelFile>((resolve) => {
      opened = resolve
    })
    const ipvs = await withFiles(() => ({ open: () => late }))
    await expect(ipvs.stats({ timeout: 20 })).rejects.toMatchObject({ code: 'ERR_IPVS_TIMEOUT' })
    const file = textFile('x')
    opened(file)
    await late
    await Promise.resolve()
    expect(file.closed).toBe(1)
  })

  it('each read may take as long as `timeout` says', async () => {
    const slow = textFile(goldenFile('ip_vs_stats-fullnat-v2'), 4096)
    const { read } = slow
    let reads = 0
    slow.read = async (into) => {
      reads++
      await new Promise((resolve) => setTimeout(resolve, 30))
      return read.call(slow, into)
    }
    const ipvs = await withFiles(() => ({ open: async () => slow }))
    await ipvs.stats({ timeout: 20_000 })
    expect(reads).toBe(2)
  })

  it('closed between two files: the second is not opened', async () => {
    const names: string[] = []
    const ipvs: Ipvs = await withFiles(
      (inner) => ({
        open: async (name) => {
          names.push(name)
          void ipvs.close()
          return inner.open(name)
        },
      }),
      { dialect: 'mainline' },
    )
    await expect(ipvs.stats()).rejects.toMatchObject({ code: 'ERR_IPVS_CLOSED', operation: 'stats' })
    expect(names).toEqual(['ip_vs_stats'])
  })

  it('a foreign namespace of a FULLNAT kernel has none of the files', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const { files } = kernel.transport({ foreignNamespace: true })
    await expect(readKernelText(files, 'ip_vs_stats')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
