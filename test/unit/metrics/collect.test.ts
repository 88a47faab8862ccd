import { describe, expect, it, vi } from 'vitest'
import { Ipvs, IpvsError, type Snapshot } from '../../../lib'
import { type CollectOptions, collect, contentType } from '../../../lib/metrics'
import { FakeKernel } from '../../../lib/testing'
import { parseExposition, valuesOf } from './exposition-parser'
import { destination, entry, extendedOf, held, service, sourceOf } from './sources'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const DNS = { protocol: 'udp', address: '192.0.2.1', port: 53 } as const
const big = (text: string) => BigInt(text)

const failing = (code: string) => async () => {
  throw new IpvsError({ code, description: 'made to fail' })
}

describe('what is exported', () => {
  const source = sourceOf({
    dialect: 'fullnat-v2',
    services: [
      entry(
        service(WEB, { connections: big('18446744073709551615'), inBytes: big('9007199254740993') }),
        [
          destination('10.0.0.1', 8080, {
            activeConnections: 3,
            inactiveConnections: 2,
            weight: 7,
          }),
        ],
        [{ address: '10.1.0.1', connections: 4, portConflicts: big('9007199254740995') }],
      ),
      entry(service({ fwmark: 7, family: 'ipv6' }, { outPackets: big('5') })),
    ],
    extendedStats: async () =>
      extendedOf([0, 2], { fullnat_add_toa_ok: [big('1'), big('18446744073709551615')] }),
  })

  it('has every value at its place, 64 bits without loss', async () => {
    const text = await collect(source)
    const web = 'protocol=tcp address=192.0.2.1 port=80 family=ipv4'
    const mark = 'fwmark=7 family=ipv6'
    expect(valuesOf(text, 'ipvs_service_connections_total')).toEqual({
      [web]: '18446744073709551615',
      [mark]: '0',
    })
    expect(valuesOf(text, 'ipvs_service_incoming_bytes_total')[web]).toBe('9007199254740993')
    expect(valuesOf(text, 'ipvs_service_outgoing_packets_total')[mark]).toBe('5')
    const target = `${web} destination_address=10.0.0.1 destination_port=8080`
    expect(valuesOf(text, 'ipvs_destination_active_connections')).toEqual({ [target]: '3' })
    expect(valuesOf(text, 'ipvs_destination_inactive_connections')).toEqual({ [target]: '2' })
    expect(valuesOf(text, 'ipvs_destination_weight')).toEqual({ [target]: '7' })
    const local = `${web} local_address=10.1.0.1`
    expect(valuesOf(text, 'ipvs_local_address_connections')).toEqual({ [local]: '4' })
    expect(valuesOf(text, 'ipvs_local_address_port_conflicts_total')).toEqual({ [local]: '9007199254740995' })
    expect(valuesOf(text, 'ipvs_ext_fullnat_add_toa_ok_total')).toEqual({
      'cpu=0': '1',
      'cpu=2': '18446744073709551615',
    })
    expect(valuesOf(text, 'ipvs_info')).toEqual({ 'dialect=fullnat-v2 version=1.2.1': '1' })
    expect(valuesOf(text, 'ipvs_connection_table_size')).toEqual({ '': '4096' })
    expect(valuesOf(text, 'ipvs_up')).toEqual({ '': '1' })
    expect(text).not.toContain('ipvs_scrape_error')
    expect(text).not.toContain('node_ipvs')
  })

  it('puts each counter of a service and of a destination under its own name', async () => {
    const counts = { connections: 1, inPackets: 2, outPackets: 3, inBytes: 4, outBytes: 5 }
    const large = Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, BigInt(n)]))
    const one = service(WEB, large)
    const text = await collect(
      sourceOf({ services: [entry(one, [destination('10.0.0.1', 80, { stats: one.stats })])] }),
      { labels: { services: [], destinations: [] } },
    )
    for (const prefix of ['ipvs', 'ipvs_service', 'ipvs_destination']) {
      const of = (name: string) => valuesOf(text, `${prefix}_${name}_total`)['']
      expect(
        ['connections', 'incoming_packets', 'outgoing_packets', 'incoming_bytes', 'outgoing_bytes'].map(of),
      ).toEqual(['1', '2', '3', '4', '5'])
    }
  })

  it("has the library's own counts", async () => {
    const text = await collect(source)
    expect(valuesOf(text, 'ipvs_client_calls_total')).toEqual({ '': '12' })
    expect(valuesOf(text, 'ipvs_client_trips_total')).toEqual({ '': '4' })
    expect(valuesOf(text, 'ipvs_client_requests_total')).toEqual({ '': '15' })
    expect(valuesOf(text, 'ipvs_client_errors_total')).toEqual({
      'code=EEXIST': '2',
      'code=ERR_IPVS_TIMEOUT': '1',
    })
    expect(valuesOf(text, 'ipvs_client_outcome_unknown_total')).toEqual({ '': '1' })
    expect(valuesOf(text, 'ipvs_client_queued_calls')).toEqual({ '': '3' })
    expect(valuesOf(text, 'ipvs_client_pending_calls')).toEqual({ '': '5' })
    const histogram = text.split('\n').filter((line) => line.startsWith('ipvs_client_kernel_time_seconds'))
    expect(histogram).toEqual([
      'ipvs_client_kernel_time_seconds_bucket{le="0.001"} 1',
      'ipvs_client_kernel_time_seconds_bucket{le="0.5"} 3',
      'ipvs_client_kernel_time_seconds_bucket{le="+Inf"} 4',
      'ipvs_client_kernel_time_seconds_sum 1.25',
      'ipvs_client_kernel_time_seconds_count 4',
    ])
  })

  it('says what it is', () => {
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  it('families can be chosen by group', async () => {
    const namesOf = async (families: CollectOptions['families']) =>
      [...parseExposition(await collect(source, { families })).keys()].map((name) => name.split('_')[1])
    expect(await collect(source, { families: [] })).toBe('')
    expect(new Set(await namesOf(['services']))).toEqual(new Set(['service']))
    expect(new Set(await namesOf(['destinations', 'extended']))).toEqual(new Set(['destination', 'ext']))
    expect(await namesOf(['scrape'])).toEqual(['up'])
    expect(await namesOf(['kernel'])).toEqual(['info', 'connection'])
    expect(new Set(await namesOf(['localAddresses', 'client']))).toEqual(new Set(['local', 'client']))
    expect((await namesOf(['totals'])).length).toBe(5)
  })
})

describe('labels', () => {
  const services = [
    entry(service(WEB, { connections: big('1') }), [
      destination('10.0.0.1', 80, { weight: 1, activeConnections: 1 }),
      destination('10.0.0.2', 80, { weight: 2, activeConnections: 2 }),
    ]),
    entry(service(DNS, { connections: big('18446744073709551615') }), [
      destination('10.0.0.1', 53, { weight: 4, activeConnections: 4 }),
    ]),
  ]
  const source = sourceOf({ services })

  it('left out, they are summed over: counters exactly, gauges and weights', async () => {
    const text = await collect(source, {
      labels: { services: ['address'], destinations: ['destination_address', 'family'] },
    })
    expect(valuesOf(text, 'ipvs_service_connections_total')).toEqual({
      'address=192.0.2.1': '18446744073709551616',
    })
    expect(valuesOf(text, 'ipvs_destination_weight')).toEqual({
      'family=ipv4 destination_address=10.0.0.1': '5',
      'family=ipv4 destination_address=10.0.0.2': '2',
    })
    expect(valuesOf(text, 'ipvs_destination_active_connections')).toEqual({
      'family=ipv4 destination_address=10.0.0.1': '5',
      'family=ipv4 destination_address=10.0.0.2': '2',
    })
  })

  it('extended statistics can be summed over the CPUs', async () => {
    const extendedStats = async () => extendedOf([0, 1], { conn_exceeded: [big('3'), big('4')] })
    const text = await collect(sourceOf({ extendedStats }), { labels: { extended: [] } })
    expect(text).toContain('\nipvs_ext_conn_exceeded_total 7\n')
  })

  it('a row with a name that Prometheus cannot have is renamed, and summed where two come to the same', async () => {
    const extendedStats = async () => extendedOf([0], { 'a.b': [big('3')], 'a b': [big('4')], ä: [big('1')] })
    const text = await collect(sourceOf({ extendedStats }))
    expect(valuesOf(text, 'ipvs_ext_a_b_total')).toEqual({ 'cpu=0': '7' })
    expect(valuesOf(text, 'ipvs_ext___total')).toEqual({ 'cpu=0': '1' })
  })

  it('a name of the caller goes to the service, its destinations and local addresses', async () => {
    const asked: unknown[] = []
    const name: CollectOptions['name'] = (key) => {
      asked.push(key)
      return key.port === 80 ? 'the "web"\\\nof\tus é \u{1F600}' : undefined
    }
    const text = await collect(source, { name })
    expect(asked).toEqual([WEB, DNS])
    expect(text).toContain('name="the \\"web\\"\\\\\\nof\tus é \u{1F600}"')
    const found = parseExposition(text).get('ipvs_destination_weight')?.samples
    expect(found?.map(({ labels }) => labels.name)).toEqual([
      'the "web"\\\nof\tus é \u{1F600}',
      'the "web"\\\nof\tus é \u{1F600}',
      '',
    ])
    const summed = await collect(source, { name, labels: { services: ['name'] } })
    expect(Object.values(valuesOf(summed, 'ipvs_service_connections_total'))).toEqual([
      '1',
      '18446744073709551615',
    ])
  })

  it('names that are the same in UTF-8 are one name', async () => {
    const name: CollectOptions['name'] = ({ port }) => (port === 80 ? 'web \uD800' : 'web \uDBFF')
    const text = await collect(source, { name, labels: { services: ['name'] } })
    expect(Buffer.from(text).toString()).toBe(text)
    expect(valuesOf(text, 'ipvs_service_connections_total')).toEqual({
      'name=web \uFFFD': '18446744073709551616',
    })
  })

  it('marks of both families are named by both', async () => {
    const keys: unknown[] = []
    const both = (['ipv4', 'ipv6'] as const).map((family) => entry(service({ fwmark: 7, family })))
    const text = await collect(sourceOf({ services: both }), {
      name: (key) => {
        keys.push(key)
        return key.fwmark === undefined ? undefined : `mark ${key.family}`
      },
    })
    expect(keys).toEqual([
      { fwmark: 7, family: 'ipv4' },
      { fwmark: 7, family: 'ipv6' },
    ])
    expect(Object.keys(valuesOf(text, 'ipvs_service_connections_total'))).toEqual([
      'fwmark=7 family=ipv4 name=mark ipv4',
      'fwmark=7 family=ipv6 name=mark ipv6',
    ])
  })

  it('what a function for names throws, or returns, is an error of the scrape', async () => {
    const name = () => {
      throw new Error('mine')
    }
    await expect(collect(source, { name })).rejects.toThrow('mine')
    await expect(collect(source, { name: () => 7 as unknown as string })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      field: 'options.name()',
    })
  })
})

describe('bad options, before anything is read', () => {
  const wrong: readonly [string, unknown, string, string][] = [
    ['an unknown name', { label: {} }, 'ERR_INVALID_ARG_VALUE', 'options.label'],
    ['no object', 7, 'ERR_INVALID_ARG_TYPE', 'options'],
    ['an unknown dialect of metrics', { compat: 'statsd' }, 'ERR_INVALID_ARG_VALUE', 'options.compat'],
    ['an unknown group', { families: ['servers'] }, 'ERR_INVALID_ARG_VALUE', 'options.families[0]'],
    ['no list of groups', { families: 'services' }, 'ERR_INVALID_ARG_TYPE', 'options.families'],
    [
      'an unknown kind of labels',
      { labels: { service: [] } },
      'ERR_INVALID_ARG_VALUE',
      'options.labels.service',
    ],
    [
      'an unknown label',
      { labels: { services: ['port', 'vip'] } },
      'ERR_INVALID_ARG_VALUE',
      'options.labels.services[1]',
    ],
    [
      'a label of others',
      { labels: { services: ['destination_address'] } },
      'ERR_INVALID_ARG_VALUE',
      'options.labels.services[0]',
    ],
    [
      'the label name without names',
      { labels: { destinations: ['name'] } },
      'ERR_INVALID_ARG_VALUE',
      'options.labels.destinations[0]',
    ],
    ['no list of labels', { labels: { extended: 'cpu' } }, 'ERR_INVALID_ARG_TYPE', 'options.labels.extended'],
    ['no function for names', { name: 'web' }, 'ERR_INVALID_ARG_TYPE', 'options.name'],
    ['a negative timeout', { timeout: -1 }, 'ERR_OUT_OF_RANGE', 'options.timeout'],
    ['a timeout that is no number', { timeout: '1s' }, 'ERR_INVALID_ARG_TYPE', 'options.timeout'],
    ['no signal', { signal: {} }, 'ERR_INVALID_ARG_TYPE', 'options.signal'],
    ["options of the collector's", { client: {} }, 'ERR_INVALID_ARG_VALUE', 'options.client'],
  ]
  it.each(wrong)('%s', async (_, options, code, field) => {
    const source = sourceOf()
    await expect(collect(source, options as CollectOptions)).rejects.toMatchObject({ code, field })
    expect(source.asked).toEqual([])
  })

  it('no client', async () => {
    await expect(collect(undefined as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })
})

describe('a part that cannot be read is left out, and said to be', () => {
  it('extended statistics that this kernel does not have', async () => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.services.add(WEB)
    const text = await collect(ipvs)
    expect(valuesOf(text, 'ipvs_scrape_error')).toEqual({
      'part=extended_statistics code=ERR_IPVS_UNSUPPORTED': '1',
    })
    expect(valuesOf(text, 'ipvs_up')).toEqual({ '': '1' })
    expect(Object.keys(valuesOf(text, 'ipvs_service_connections_total'))).toHaveLength(1)
    expect(text).not.toContain('ipvs_ext_')
  })

  it('each of them, and all of them', async () => {
    const of = async (parts: Parameters<typeof sourceOf>[0]) => {
      const text = await collect(sourceOf(parts), { compat: 'node_exporter' })
      return { names: [...parseExposition(text).keys()], errors: valuesOf(text, 'ipvs_scrape_error'), text }
    }
    const noTable = await of({ snapshot: failing('EPERM') })
    expect(noTable.errors).toEqual({ 'part=snapshot code=EPERM': '1' })
    expect(valuesOf(noTable.text, 'ipvs_up')).toEqual({ '': '0' })
    expect(noTable.names).toContain('node_ipvs_connections_total')
    expect(noTable.names.filter((name) => /service|destination|backend/.test(name))).toEqual([])
    const noInfo = await of({ info: failing('ENOMEM') })
    expect(noInfo.errors).toEqual({ 'part=info code=ENOMEM': '1' })
    expect(noInfo.names).not.toContain('ipvs_info')
    const noTotals = await of({ stats: failing('ERR_IPVS_MALFORMED_FILE') })
    expect(noTotals.errors).toEqual({ 'part=statistics code=ERR_IPVS_MALFORMED_FILE': '1' })
    expect(noTotals.names.filter((name) => /ipvs_(connections|incoming|outgoing)/.test(name))).toEqual([])
    const nothing = await of({
      snapshot: failing('ERR_IPVS_NOT_LOADED'),
      info: failing('ERR_IPVS_NOT_LOADED'),
      stats: async () => {
        throw Object.assign(new Error('of a transport'), { code: 'SOMETHING_NEW_EVERY_TIME' })
      },
      extendedStats: async () => {
        throw undefined
      },
    })
    expect(nothing.errors).toEqual({
      'part=snapshot code=ERR_IPVS_NOT_LOADED': '1',
      'part=info code=ERR_IPVS_NOT_LOADED': '1',
      'part=statistics code=other': '1',
      'part=extended_statistics code=other': '1',
    })
    expect(nothing.names.filter((name) => !name.startsWith('ipvs_client_'))).toEqual([
      'ipvs_up',
      'ipvs_scrape_error',
    ])
  })

  it('a method that throws at once is as one that rejects', async () => {
    const snapshot = (() => {
      throw new IpvsError({ code: 'EPERM', description: 'at once' })
    }) as never
    expect(await collect(sourceOf({ snapshot }))).toContain('ipvs_up 0\n')
  })

  it('a closed client has nothing to say', async () => {
    const kernel = new FakeKernel()
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.close()
    await expect(collect(ipvs)).rejects.toMatchObject({ code: 'ERR_IPVS_CLOSED' })
  })
})

describe('a scrape', () => {
  it('reads everything once, and in one trip what goes over the sockets', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v3', cpus: 2 })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    await ipvs.services.add(WEB)
    kernel.requests.length = 0
    const { trips } = ipvs.activity()
    await collect(ipvs)
    expect(kernel.requests.map(({ operation }) => operation)).toEqual(['snapshot', 'info'])
    expect(ipvs.activity().trips).toBe(trips + 1)
  })

  it('is shared by those who come while it is read, each with options of its own', async () => {
    const table = held<Snapshot>()
    const source = sourceOf({ snapshot: () => table.promise })
    const first = collect(source, { timeout: 9000 })
    const second = collect(source, { timeout: 1234, families: ['services'], labels: { services: ['port'] } })
    await Promise.resolve()
    const third = collect(source, { families: ['scrape'] })
    table.resolve({ services: [entry(service(WEB))], consistent: undefined })
    expect(await first).toContain('ipvs_up 1\n')
    expect(await second).toContain('ipvs_service_connections_total{port="80"} 0\n')
    expect(await third).toContain('ipvs_up 1\n')
    expect(source.asked).toEqual(['snapshot 9000', 'info 9000', 'stats 9000', 'extendedStats 9000'])
    await collect(source)
    expect(source.asked.slice(4)).toEqual(
      ['snapshot', 'info', 'stats', 'extendedStats'].map((name) => `${name} 8000`),
    )
  })

  it('is not cut short by one that waits less', async () => {
    const source = sourceOf()
    await Promise.all([20, 60_000, 0, 8000].map((timeout) => collect(source, { timeout })))
    expect(source.asked.filter((call) => call.startsWith('snapshot'))).toEqual([
      'snapshot 20',
      'snapshot 60000',
      'snapshot 0',
    ])
  })

  it('that failed is not shared with those who come after', async () => {
    const kernel = new FakeKernel()
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    kernel.fail('snapshot', 'EPERM')
    expect(await collect(ipvs)).toContain('ipvs_up 0\n')
    expect(await collect(ipvs)).toContain('ipvs_up 1\n')
  })

  it('of one client is not that of another', async () => {
    const one = sourceOf({ services: [entry(service(WEB))] })
    const other = sourceOf({ services: [entry(service(DNS))] })
    const texts = await Promise.all([one, other].map((source) => collect(source)))
    expect(texts[0]).toContain('port="80"')
    expect(texts[1]).toContain('port="53"')
  })

  it('ends at its deadline with an error of its own; the reading goes on for others', async () => {
    const table = held<Snapshot>()
    const source = sourceOf({ snapshot: () => table.promise })
    const patient = collect(source, { timeout: 0 })
    const late: IpvsError = await collect(source, { timeout: 5 }).then(
      () => Promise.reject(new Error('it resolved')),
      (error) => error,
    )
    expect(late).toBeInstanceOf(IpvsError)
    expect(late).toMatchObject({ code: 'ERR_IPVS_TIMEOUT', operation: 'metrics.collect', sent: false })
    expect(late.message).toBe('ERR_IPVS_TIMEOUT: the scrape was not over after 5 ms, metrics.collect')
    expect(late.stack).toContain('collect.test.ts')
    table.resolve({ services: [], consistent: undefined })
    expect(await patient).toContain('ipvs_up 1\n')
  })

  it('ends when a kernel says nothing, and so does what it asked for', async () => {
    const kernel = new FakeKernel()
    const ipvs = await Ipvs.open({ transport: kernel.transport(), timeout: 0 })
    const fault = kernel.neverAnswer('snapshot')
    await expect(collect(ipvs, { timeout: 20 })).rejects.toMatchObject({ code: 'ERR_IPVS_TIMEOUT' })
    // The calls of the reading have the same limit, so that it does not wait for ever.
    await vi.waitFor(() => expect(ipvs.activity().pending).toBe(0))
    fault.remove()
    expect(await collect(ipvs)).toContain('ipvs_up 1\n')
  })

  it('can be aborted, before and while it reads', async () => {
    const table = held<Snapshot>()
    const source = sourceOf({ snapshot: () => table.promise })
    const controller = new AbortController()
    const scrape = collect(source, { signal: controller.signal })
    const other = collect(source)
    controller.abort(new Error('enough'))
    await expect(scrape).rejects.toMatchObject({
      code: 'ABORT_ERR',
      name: 'AbortError',
      operation: 'metrics.collect',
    })
    table.resolve({ services: [], consistent: undefined })
    expect(await other).toContain('ipvs_up 1\n')
    source.asked.length = 0
    await expect(collect(source, { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORT_ERR' })
    expect(source.asked).toEqual([])
  })

  it('leaves no listener and no timer behind', async () => {
    const listeners = new Set<unknown>()
    const signal = {
      aborted: false,
      addEventListener: (_: string, listener: unknown) => listeners.add(listener),
      removeEventListener: (_: string, listener: unknown) => listeners.delete(listener),
    } as unknown as AbortSignal
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    await collect(sourceOf(), { signal, timeout: 100_000 })
    expect(listeners.size).toBe(0)
    expect(timers()).toBe(before)
  })
})
