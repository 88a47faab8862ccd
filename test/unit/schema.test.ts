// The JSON Schemas against the types (schema-parts.ts makes the names a matter of the compiler), against the checks, and what
// they cannot say.

import Ajv2020 from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib'
import { formatKeepalived, formatRules } from '../../lib/formats'
import type { DesiredDestination, DesiredService, DesiredState, SavedState } from '../../lib/reconcile'
import { desiredStateSchema, parseSavedState, save, savedStateSchema } from '../../lib/reconcile'
import { checkDesiredState } from '../../lib/reconcile/wanted'
import { FakeKernel } from '../../lib/testing'
import { DIALECTS } from './fake-support'
import { fill, heldTables } from './support/held-tables'
import { kernelWith, raws } from './support/raw-states'

const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true })
const isDesired = ajv.compile(desiredStateSchema)
const isSaved = ajv.compile(savedStateSchema)
type Validate = typeof isDesired

const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

function refusal(check: () => unknown): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    expect(['ERR_IPVS_DESIRED_STATE', 'ERR_IPVS_SAVED_STATE']).toContain((error as { code?: string }).code)
    return (error as Error).message
  }
}

function failureOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

const TO = { address: '10.0.0.1', port: 80, forwarding: 'masquerade' }

// ---- values of the type

const seconds = fc.integer({ min: 1, max: 2147483 })
const count = fc.integer({ min: 0, max: 2147483647 })
const optional = { requiredKeys: [] as never[] }
const destinations = (family: 'ipv4' | 'ipv6'): fc.Arbitrary<DesiredDestination> =>
  fc
    .record(
      {
        address: family === 'ipv4' ? fc.ipV4() : fc.constantFrom('2001:db8::9', 'fe80::1'),
        port: fc.nat(65535),
        forwarding: fc.constantFrom('masquerade', 'local', 'tunnel', 'direct-route', 'bypass', 'fullnat'),
        weight: count,
        upperThreshold: count,
        state: fc.constantFrom('on', 'drain', 'off'),
        reason: fc.constantFrom('drain', 'health', 'maintenance'),
        until: fc.constantFrom('2026-01-31T12:00:00Z', '2026-01-31T12:00+02:00'),
        tunnel: fc.constantFrom(
          null,
          { type: 'ipip' },
          { type: 'gue', port: 1, checksum: 'full' },
          { type: 'gre' },
        ),
      },
      { requiredKeys: ['address', 'port', 'forwarding', 'until'] },
    )
    .map(({ tunnel, ...rest }) => {
      const one = { ...rest, ...(rest.forwarding === 'tunnel' && tunnel !== undefined ? { tunnel } : {}) }
      return { ...one, lowerThreshold: Math.min(5, one.upperThreshold ?? 0) } as DesiredDestination
    })

const services: fc.Arbitrary<DesiredService> = fc
  .oneof(
    fc.record({
      protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
      address: fc.constantFrom('192.0.2.1', '2001:db8::1'),
      port: fc.nat(65535),
    }),
    fc.record(
      { fwmark: fc.integer({ min: 1, max: 4294967295 }), family: fc.constantFrom('ipv4', 'ipv6') },
      {
        requiredKeys: ['fwmark'],
      },
    ),
  )
  .chain((key) => {
    const six = 'address' in key ? key.address.includes(':') : key.family === 'ipv6'
    const tcp = !('protocol' in key) || key.protocol === 'tcp'
    const udp = !('protocol' in key) || key.protocol === 'udp'
    return fc
      .record(
        {
          name: fc.string(),
          scheduler: fc.constantFrom('rr', 'wlc', 'my-own_1'),
          schedulerFlags: fc.subarray(['flag-1', 'flag-2', 'flag-3']),
          persistence: fc.oneof(
            fc.constant(null),
            fc.record(
              {
                timeout: seconds,
                netmask: six ? fc.integer({ min: 1, max: 128 }) : fc.constantFrom('255.255.255.0', '0.0.0.0'),
                engine: fc.constant('sip'),
              },
              { requiredKeys: ['timeout'] },
            ),
          ),
          onePacket: fc.constant(udp),
          synproxy: fc.constant(tcp),
          ...(tcp ? { establishedTimeout: seconds } : {}),
          destinations: fc.uniqueArray(destinations(six ? 'ipv6' : 'ipv4'), {
            selector: ({ address, port }) => `${address} ${port}`,
            maxLength: 3,
          }),
          localAddresses: six
            ? fc.constantFrom([], ['2001:db8::101'])
            : fc.constantFrom([], ['10.1.0.1', '10.1.0.2'], { pool: 'web' }),
          drainLocalAddresses: fc.constantFrom(
            [],
            [{ address: six ? '2001:db8::102' : '10.1.99.1', until: '2026-01-31T12:00:00Z' }],
            [{ address: six ? '2001:db8::102' : '10.1.99.1' }],
          ),
        },
        optional,
      )
      .map((config) => ({ ...key, ...config }) as DesiredService)
  })

const desiredStates: fc.Arbitrary<DesiredState> = fc
  .record(
    {
      services: fc.uniqueArray(services, {
        selector: (one) =>
          JSON.stringify([
            one.address,
            one.protocol,
            one.port,
            one.fwmark,
            (one as { family?: string }).family ?? 'ipv4',
          ]),
        maxLength: 3,
      }),
      timeouts: fc.record({ tcp: seconds, tcpFin: seconds, udp: seconds }, optional),
      daemons: fc.uniqueArray(
        fc.record(
          {
            state: fc.constantFrom('master' as const, 'backup' as const),
            interface: fc.constantFrom('eth0', 'bond0.12'),
            syncId: fc.nat(255),
            syncMaxLength: fc.integer({ min: 1, max: 65535 }),
            multicastGroup: fc.constantFrom('224.0.0.81', 'ff02::1'),
            multicastPort: fc.integer({ min: 1, max: 65535 }),
            multicastTtl: fc.integer({ min: 1, max: 255 }),
          },
          { requiredKeys: ['state', 'interface'] },
        ),
        { selector: ({ state }) => state, maxLength: 2 },
      ),
    },
    optional,
  )
  .map((state) => ({
    pools: { web: { addresses: ['10.1.0.1-10.1.0.9', '10.1.1.0/30', '10.1.2.1'] } },
    ...state,
  }))

const savedStates: fc.Arbitrary<() => Promise<SavedState>> = fc.oneof(
  ...DIALECTS.map((dialect) =>
    fc.tuple(heldTables(dialect), fc.boolean()).map(([table, sysctls]) => async () => {
      const ipvs = await Ipvs.open({
        transport: new FakeKernel({ dialect, cpus: 4 }).transport(),
        force: true,
      })
      await fill(ipvs, table)
      // mainline has no daemon beside a tunnel to the other family.
      await ipvs.daemons.start({ state: 'master', interface: 'eth0' }).catch(() => undefined)
      return plain(await save(ipvs, { sysctls }))
    }),
  ),
)

// ---- what is wrong

type Json = { [name: string]: unknown }

/** Every object and array of a document. */
function places(value: unknown, found: Json[] = []): Json[] {
  if (typeof value !== 'object' || value === null) return found
  found.push(value as Json)
  for (const one of Object.values(value)) places(one, found)
  return found
}

const junk = fc.constantFrom<unknown>(
  ...[null, true, -1, 0, 1.5, 99, 65536, 4294967296, 1e30, '', 'x', 'tcp', 'a b', '10.1.0.1', '::1'],
  ...['255.255.255.0', '2026-13-01', 'fullnat', [], [1, 2], {}, { type: 'ipip' }, 'a'.repeat(50)],
)
const mutations = fc.array(
  fc.record({ place: fc.nat(), name: fc.nat(), kind: fc.constantFrom('value', 'gone', 'more'), value: junk }),
  { minLength: 1, maxLength: 2 },
)

function mutate(
  document: unknown,
  list: readonly { place: number; name: number; kind: string; value: unknown }[],
) {
  for (const { place, name, kind, value: shared } of list) {
    const value = plain(shared)
    const all = places(document)
    const one = all[place % all.length] as Json
    const names = Object.keys(one)
    const picked = names[name % Math.max(1, names.length)]
    if (Array.isArray(one)) {
      if (kind === 'more' || picked === undefined) one.push(value)
      else if (kind === 'gone') one.splice(Number(picked), 1)
      else one[Number(picked)] = value
    } else if (kind === 'more' || picked === undefined) one.someOther = value
    else if (kind === 'gone') delete one[picked]
    else one[picked] = value
  }
  return document
}

/** Both say yes, or the check alone says no: then it is a rule that a schema cannot say. */
function compare(document: unknown, validate: Validate, check: () => unknown): 'both' | 'check' | 'none' {
  const refused = refusal(check)
  if (validate(document)) return refused === undefined ? 'none' : 'check'
  expect(refused, `${ajv.errorsText(validate.errors)}\n${JSON.stringify(document)}`).toBeDefined()
  return 'both'
}

/** How often each happened: a property that never sees a refusal says nothing. */
function countOf(outcomes: readonly string[], which: string): number {
  return outcomes.filter((one) => one === which).length
}

describe('the schema of the desired state', () => {
  it('takes what the type and the check take', () => {
    fc.assert(
      fc.property(desiredStates, (state) => {
        expect(refusal(() => checkDesiredState(state))).toBeUndefined()
        expect(isDesired(plain(state)), ajv.errorsText(isDesired.errors)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('has nothing that the writers of other texts do not know', () => {
    fc.assert(
      fc.property(desiredStates, (state) => {
        for (const dialect of ['mainline', 'alibaba-v2', 'alibaba-v3', 'dpvs'] as const) {
          formatRules(state, { dialect })
        }
        for (const dialect of ['mainline', 'alibaba', 'dpvs'] as const) formatKeepalived(state, { dialect })
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    ['destinations[0].until', { destinations: [{ ...TO, state: 'drain', until: 'soon' }] }],
    ['destinations[0].reason', { destinations: [{ ...TO, reason: 'why' }] }],
    ['drainLocalAddresses', { drainLocalAddresses: { address: '10.1.0.1' } }],
    ['drainLocalAddresses[0].address', { drainLocalAddresses: [{ address: '2001:db8::1' }] }],
    ['drainLocalAddresses[0].until', { drainLocalAddresses: [{ address: '10.1.0.1', until: 'soon' }] }],
  ])('what is wrong with %s the writers refuse as well', (field, more) => {
    const state = { services: [{ protocol: 'tcp', address: '192.0.2.1', port: 80, ...more }] }
    const error = { field: expect.stringMatching(`services\\[0\\]\\.${field.replace(/[[\].]/g, '\\$&')}$`) }
    expect(failureOf(() => formatRules(state as never, { dialect: 'alibaba-v2' }))).toMatchObject(error)
    expect(failureOf(() => formatKeepalived(state as never, { dialect: 'alibaba' }))).toMatchObject(error)
  })

  it('refuses nothing that the check takes', () => {
    const outcomes: string[] = []
    fc.assert(
      fc.property(desiredStates, mutations, (state, list) => {
        const document = mutate(plain(state), list)
        outcomes.push(compare(document, isDesired, () => checkDesiredState(document as DesiredState)))
      }),
      { numRuns: 1500 },
    )
    expect(countOf(outcomes, 'both')).toBeGreaterThan(300)
  })

  const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
  const to = { address: '10.0.0.1', port: 80, forwarding: 'masquerade' }
  const rules: [rule: string, state: object][] = [
    ['what looks like an address is one', { services: [{ ...web, address: '999.0.0.1' }] }],
    ['an IPv4-mapped address is written as IPv4', { services: [{ ...web, address: '::ffff:192.0.2.1' }] }],
    ['a virtual address is no 0.0.0.0', { services: [{ ...web, address: '0.0.0.0' }] }],
    ['no service is there twice', { services: [web, web] }],
    ['no destination is there twice', { services: [{ ...web, destinations: [to, to] }] }],
    [
      'a destination is of the family of its service',
      { services: [{ ...web, destinations: [{ ...to, address: '2001:db8::1' }] }] },
    ],
    ['a local address, too', { services: [{ ...web, localAddresses: ['2001:db8::1'] }] }],
    ['a local address is unicast', { services: [{ ...web, localAddresses: ['224.0.0.1'] }] }],
    ['a pool that is named is there', { services: [{ ...web, localAddresses: { pool: 'none' } }] }],
    [
      'what drains is not wanted besides',
      {
        services: [{ ...web, localAddresses: ['10.1.0.1'], drainLocalAddresses: [{ address: '10.1.0.1' }] }],
      },
    ],
    ['a range does not end before it begins', { pools: { a: { addresses: ['10.0.0.2-10.0.0.1'] } } }],
    ['a pool has 4096 addresses at most', { pools: { a: { addresses: ['10.0.0.0/8'] } } }],
    [
      'lowerThreshold is at most upperThreshold',
      { services: [{ ...web, destinations: [{ ...to, lowerThreshold: 1 }] }] },
    ],
    [
      'a tunnel is for forwarding tunnel',
      { services: [{ ...web, destinations: [{ ...to, tunnel: { type: 'gre' } }] }] },
    ],
    [
      'GUE has a port',
      { services: [{ ...web, destinations: [{ ...to, forwarding: 'tunnel', tunnel: { type: 'gue' } }] }] },
    ],
    ['synproxy is for TCP', { services: [{ ...web, protocol: 'udp', synproxy: true }] }],
    ['onePacket is for UDP', { services: [{ ...web, onePacket: true }] }],
    ['an established timeout is for TCP', { services: [{ ...web, protocol: 'udp', establishedTimeout: 9 }] }],
    ['a mask is that of the family', { services: [{ ...web, persistence: { timeout: 1, netmask: 24 } }] }],
    ['a mask has no holes', { services: [{ ...web, persistence: { timeout: 1, netmask: '255.0.255.0' } }] }],
    [
      'UDP drains until a time',
      { services: [{ ...web, protocol: 'udp', destinations: [{ ...to, state: 'drain' }] }] },
    ],
    ['a time is one', { services: [{ ...web, destinations: [{ ...to, until: '2026-13-01T00:00:00Z' }] }] }],
    [
      'a multicast group is multicast',
      { daemons: [{ state: 'master', interface: 'eth0', multicastGroup: '10.0.0.1' }] },
    ],
    ['a name has 15 bytes, not letters', { daemons: [{ state: 'master', interface: 'ä'.repeat(9) }] }],
  ]
  it.each(rules)('cannot say that %s; the check does', (_, state) => {
    expect(isDesired(state), ajv.errorsText(isDesired.errors)).toBe(true)
    expect(refusal(() => checkDesiredState(state as DesiredState))).toBeDefined()
  })
})

describe('the schema of a saved state', () => {
  it('takes what a kernel can hold, and so does the check', async () => {
    const agree = (document: SavedState) => {
      expect(isSaved(document), ajv.errorsText(isSaved.errors)).toBe(true)
      expect(refusal(() => parseSavedState(document))).toBeUndefined()
      expect(parseSavedState(JSON.stringify(document))).toEqual(document)
    }
    await fc.assert(fc.asyncProperty(savedStates, async (make) => agree(await make())))
    for (const dialect of DIALECTS) {
      await fc.assert(
        fc.asyncProperty(raws, async (raw) => {
          const { open } = await kernelWith(dialect, raw)
          agree(plain(await save(await open(), { sysctls: true })))
        }),
      )
    }
  })

  it('refuses nothing that the check takes', async () => {
    const outcomes: string[] = []
    await fc.assert(
      fc.asyncProperty(
        savedStates,
        fc.array(mutations, { minLength: 10, maxLength: 10 }),
        async (make, lists) => {
          const good = await make()
          for (const list of lists) {
            const document = mutate(plain(good), list)
            outcomes.push(compare(document, isSaved, () => parseSavedState(document)))
          }
        },
      ),
    )
    expect(countOf(outcomes, 'both')).toBeGreaterThan(300)
  })
})

describe('both', () => {
  it('describe every property', () => {
    const missing: string[] = []
    const walk = (schema: Json, path: string) => {
      for (const [name, one] of Object.entries((schema.properties as Json | undefined) ?? {})) {
        if (typeof (one as Json).description !== 'string') missing.push(`${path}.${name}`)
      }
      for (const [name, one] of Object.entries(schema)) {
        if (typeof one === 'object' && one !== null) walk(one as Json, `${path}.${name}`)
      }
    }
    walk(desiredStateSchema as Json, 'desired')
    walk(savedStateSchema as Json, 'saved')
    expect(missing).toEqual([])
  })

  it('are valid schemas', () => {
    for (const schema of [desiredStateSchema, savedStateSchema]) {
      expect(ajv.validateSchema(plain(schema))).toBe(true)
      expect(plain(schema)).toEqual(schema)
    }
  })
})
