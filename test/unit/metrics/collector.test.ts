// In a registry of the real prom-client.

import * as client from 'prom-client'
import { describe, expect, it } from 'vitest'
import { Ipvs, IpvsError, type Snapshot } from '../../../lib'
import { type CollectorOptions, collect, collector } from '../../../lib/metrics'
import { FakeKernel } from '../../../lib/testing'
import { parseExposition, valuesOf } from './exposition-parser'
import { entry, extendedOf, held, service, sourceOf } from './sources'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const

/** prom-client has an empty line before each family, and names families that have no samples. */
function withoutEmpty(text: string): string {
  const families = text.split(/\n(?=# HELP )/).map((family) => family.trimEnd())
  return `${families.filter((family) => family.split('\n').length > 2).join('\n')}\n`
}

const sorted = (text: string) =>
  [...parseExposition(text)]
    .map(([name, { samples, ...family }]) => ({
      name,
      ...family,
      samples: samples.map(({ value, ...rest }) => ({ ...rest, value: Number(value) })),
    }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))

/** A kernel with a bit of everything. */
async function busyClient(dialect: 'mainline' | 'fullnat-v2' | 'fullnat-v3'): Promise<Ipvs> {
  const kernel = new FakeKernel({ dialect, cpus: 2 })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const forwarding = ipvs.capabilities.fullnat ? 'fullnat' : 'masquerade'
  await ipvs.services.add({ ...WEB, scheduler: 'rr' })
  await ipvs.services.add({ fwmark: 7, family: 'ipv6' })
  await ipvs.destinations.add(WEB, { address: '10.0.0.1', port: 8080, forwarding })
  if (ipvs.capabilities.localAddresses) await ipvs.localAddresses.set(WEB, ['10.1.0.1', '10.1.0.2'])
  kernel.connect({ client: '198.51.100.1:1000', service: WEB }).traffic({ inPackets: 3, inBytes: 180 })
  await ipvs.services.add(WEB).catch(() => {})
  return ipvs
}

describe.each(['mainline', 'fullnat-v2', 'fullnat-v3'] as const)('on %s', (dialect) => {
  it('a registry has what collect() has', async () => {
    const ipvs = await busyClient(dialect)
    const registry = new client.Registry()
    const options = {
      compat: 'node_exporter',
      name: (key: object) => ('fwmark' in key ? 'mail' : 'w"e\\b\n'),
    } as const
    await collector(ipvs, { client, registry, ...options }).ready
    const ours = sorted(withoutEmpty(await registry.metrics()))
    const theirs = sorted(await collect(ipvs, options))
    // What a scrape itself changes.
    const still = (families: ReturnType<typeof sorted>) =>
      families.filter(({ name }) => !/^ipvs_client_(calls|trips|requests|kernel_time)/.test(name))
    expect(still(ours)).toEqual(still(theirs))
    expect(ours.map(({ name }) => name)).toEqual(theirs.map(({ name }) => name))
  })
})

describe('a scrape of a registry', () => {
  it('is one reading for all families, and a new one each time', async () => {
    const source = sourceOf({ services: [entry(service(WEB))] })
    const registry = new client.Registry()
    let named = 0
    const name = () => {
      named++
      return 'web'
    }
    await collector(source, { client, registry, timeout: 777, name }).ready
    source.asked.length = 0
    await registry.metrics()
    const once = ['snapshot 777', 'info 777', 'stats 777', 'extendedStats 777']
    expect(source.asked).toEqual(once)
    await Promise.all([registry.metrics(), registry.getMetricsAsJSON()])
    expect(source.asked).toEqual([...once, ...once])
    // Samples are made once for both.
    expect(named).toBe(3)
  })

  it('never fails for the kernel: the metrics of others are served', async () => {
    const table = held<Snapshot>()
    const registry = new client.Registry()
    new client.Counter({ name: 'mine_total', help: 'Mine.', registers: [registry] }).inc(3)
    collector(sourceOf({ snapshot: () => table.promise }), { client, registry, timeout: 5 })
    const text = withoutEmpty(await registry.metrics())
    expect(text).toContain('mine_total 3\n')
    expect(valuesOf(text, 'ipvs_up')).toEqual({ '': '0' })
    expect(valuesOf(text, 'ipvs_scrape_error')).toEqual({ 'part=scrape code=ERR_IPVS_TIMEOUT': '1' })
    expect(valuesOf(text, 'ipvs_client_calls_total')).toEqual({ '': '12' })
  })

  it('says that the client is closed', async () => {
    const ipvs = await busyClient('fullnat-v2')
    const registry = new client.Registry()
    await collector(ipvs, { client, registry }).ready
    await ipvs.close()
    const text = withoutEmpty(await registry.metrics())
    expect(valuesOf(text, 'ipvs_scrape_error')).toEqual({ 'part=scrape code=ERR_IPVS_CLOSED': '1' })
    expect(valuesOf(text, 'ipvs_client_errors_total')['code=EEXIST']).toBe('1')
  })

  it("does not hide what is the caller's fault", async () => {
    const name = () => {
      throw new Error('mine')
    }
    const registry = new client.Registry()
    const source = sourceOf({ services: [entry(service(WEB))] })
    const { ready } = collector(source, { client, registry, name })
    await expect(ready).rejects.toThrow('mine')
    await expect(registry.metrics()).rejects.toThrow('mine')
  })

  it('has new rows of extended statistics from the next scrape on', async () => {
    let rows: Record<string, readonly bigint[]> = {}
    const registry = new client.Registry()
    const source = sourceOf({ extendedStats: async () => extendedOf([0], rows) })
    await collector(source, { client, registry }).ready
    rows = { conn_exceeded: [BigInt(5)] }
    await registry.metrics()
    expect(valuesOf(withoutEmpty(await registry.metrics()), 'ipvs_ext_conn_exceeded_total')).toEqual({
      'cpu=0': '5',
    })
    rows = {}
    expect(withoutEmpty(await registry.metrics())).not.toContain('ipvs_ext_')
  })

  it('goes as OpenMetrics, too', async () => {
    const registry = new client.Registry()
    registry.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE as never)
    await collector(sourceOf({ services: [entry(service(WEB, { connections: BigInt(9) }))] }), {
      client,
      registry,
    }).ready
    for (let i = 0; i < 2; i++) {
      const text = await registry.metrics()
      expect(text).toContain(
        '# TYPE ipvs_service_connections counter\nipvs_service_connections_total{protocol="tcp"',
      )
      expect(text).toContain('ipvs_client_kernel_time_seconds_bucket{le="+Inf"} 4\n')
      expect(text).not.toContain('_total_total')
      expect(text.endsWith('# EOF\n')).toBe(true)
    }
  })

  it('in a cluster, numbers of the kernel are not added up, those of clients are', async () => {
    const registry = new client.Registry()
    await collector(sourceOf({ services: [entry(service(WEB, { connections: BigInt(9) }))] }), {
      client,
      registry,
    }).ready
    const json = await registry.getMetricsAsJSON()
    // Its types know of no argument.
    const aggregate = client.AggregatorRegistry.aggregate as (all: object[]) => client.Registry
    const both = await aggregate([json, json]).getMetricsAsJSON()
    const value = (name: string) =>
      (both.find((metric) => metric.name === name) as { values?: { value: number }[] } | undefined)
        ?.values?.[0]?.value
    expect(value('ipvs_service_connections_total')).toBe(9)
    expect(value('ipvs_client_calls_total')).toBe(24)
  })
})

describe('registering', () => {
  it('takes the registry of everybody by default, and can be taken back', async () => {
    const source = sourceOf({ extendedStats: async () => extendedOf([0], { conn_exceeded: [BigInt(5)] }) })
    const registered = collector(source, { client })
    await registered.ready
    expect(client.register.getSingleMetric('ipvs_up')).toBeDefined()
    expect(client.register.getSingleMetric('ipvs_ext_conn_exceeded_total')).toBeDefined()
    registered.remove()
    registered.remove()
    expect(client.register.getMetricsAsArray()).toEqual([])
  })

  it('does nothing any more when it was taken back while it read', async () => {
    const table = held<Snapshot>()
    const registry = new client.Registry()
    const extendedStats = async () => extendedOf([0], { conn_exceeded: [BigInt(5)] })
    const registered = collector(sourceOf({ snapshot: () => table.promise, extendedStats }), {
      client,
      registry,
    })
    registered.remove()
    table.resolve({ services: [], consistent: undefined })
    await registered.ready
    expect(registry.getMetricsAsArray()).toEqual([])
  })

  it('registers nothing where a name is taken', () => {
    const registry = new client.Registry()
    new client.Gauge({ name: 'ipvs_destination_weight', help: 'Of others.', registers: [registry] })
    expect(() => collector(sourceOf(), { client, registry })).toThrow(/ipvs_destination_weight/)
    expect(registry.getMetricsAsArray()).toHaveLength(1)
  })

  it('only the groups that are wanted', async () => {
    const registry = new client.Registry()
    const source = sourceOf({ extendedStats: async () => extendedOf([0], { conn_exceeded: [BigInt(5)] }) })
    await collector(source, { client, registry, families: ['services'] }).ready
    const names = registry.getMetricsAsArray().map(({ name }) => name)
    expect(names).toHaveLength(5)
    await registry.metrics()
    expect(registry.getMetricsAsArray()).toHaveLength(5)
    // Nothing was to be found out.
    expect(source.asked).toHaveLength(4)
  })

  it('what a function for names throws is no unhandled rejection where nobody waits', async () => {
    const unhandled: unknown[] = []
    const hear = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', hear)
    const name = () => {
      throw new Error('mine')
    }
    const source = sourceOf({
      services: [entry(service({ protocol: 'tcp', address: '192.0.2.1', port: 80 }))],
    })
    const { ready } = collector(source, { client, registry: new client.Registry(), name })
    await new Promise((resolve) => setTimeout(resolve))
    process.removeListener('unhandledRejection', hear)
    expect(unhandled).toEqual([])
    await expect(ready).rejects.toThrow('mine')
  })

  it('the numbers of the kernel are not reset with the others', async () => {
    const registry = new client.Registry()
    await collector(sourceOf(), { client, registry }).ready
    registry.resetMetrics()
    expect(valuesOf(withoutEmpty(await registry.metrics()), 'ipvs_connections_total')).toEqual({ '': '1' })
  })

  const wrong: readonly [string, unknown, string][] = [
    ['no options', undefined, 'options'],
    ['no client', {}, 'options.client'],
    ['something else as a client', { client: {} }, 'options.client'],
    ['no registry', { client, registry: {} }, 'options.registry'],
    ['an unknown option', { client, prefix: 'x' }, 'options.prefix'],
    ['a signal', { client, signal: new AbortController().signal }, 'options.signal'],
  ]
  it.each(wrong)('refuses %s', (_, options, field) => {
    expect(() => collector(sourceOf(), options as CollectorOptions)).toThrow(
      expect.objectContaining({ field, name: 'TypeError' }),
    )
    expect(client.register.getMetricsAsArray()).toEqual([])
  })

  it('an IpvsError before anything was read leaves it whole', async () => {
    const registry = new client.Registry()
    const source = sourceOf({
      extendedStats: async () => {
        throw new IpvsError({ code: 'ERR_IPVS_UNSUPPORTED', description: 'not here' })
      },
    })
    await collector(source, { client, registry }).ready
    expect(withoutEmpty(await registry.metrics())).toContain('ipvs_scrape_error{part="extended_statistics"')
  })
})
