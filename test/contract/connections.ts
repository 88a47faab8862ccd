// The list of connections, as far as it goes without packets: test/vm/connections.test.ts has those.

import { describe, expect, it } from 'vitest'
import type { ConnectionCountOptions, ConnectionOptions, Ipvs } from '../../lib'
import type { Harness } from './harness'
import { collect, expectFailure, expectUnsupported, NOWHERE, rejection, useWorld, WEB } from './harness'

type Method = 'list' | 'count' | 'iterate'
const METHODS: readonly Method[] = ['list', 'count', 'iterate']

const call = (ipvs: Ipvs, method: Method, options?: ConnectionCountOptions): Promise<unknown> => {
  if (method === 'iterate') return collect(ipvs.connections.iterate(options))
  if (method === 'count') return ipvs.connections.count(options as ConnectionOptions)
  return ipvs.connections.list(options)
}

export function connectionsContract(harness: Harness): void {
  const { connectionList, localAddresses, destinationFamily } = harness.capabilities

  describe(`connections, over ${harness.name}`, () => {
    const world = useWorld(harness)

    it.skipIf(connectionList)(
      'there are none to list on fullnat-v3, and the error says what there is',
      async () => {
        for (const method of METHODS) {
          const wanted = { operation: `connections.${method}`, says: /has no list of connections/ }
          const error = await expectUnsupported(call(world.ipvs, method), wanted)
          expect(error.hint).toContain('counters of destinations')
        }
      },
    )

    describe.runIf(connectionList)('where there is a list', () => {
      it.each([false, true])(
        'a service that does not exist has none, and that is no error (origin: %s)',
        async (origin) => {
          for (const service of [NOWHERE, { fwmark: 4711 }, { fwmark: 4711, family: 'ipv6' } as const]) {
            const filter = { service, origin }
            expect(await world.ipvs.connections.list(filter)).toEqual([])
            expect(await world.ipvs.connections.count(filter)).toBe(0)
            expect(await world.ipvs.connections.count({ ...filter, by: 'state' })).toEqual(new Map())
            expect(await collect(world.ipvs.connections.iterate(filter))).toEqual([])
          }
        },
      )

      it('the whole list can be read, also without any options', async () => {
        const list = await world.ipvs.connections.list()
        expect(await world.ipvs.connections.count({ templates: true })).toBe(
          list.filter(({ template }) => template).length,
        )
      })

      it('a service in the table without clients has none', async () => {
        await world.full.services.add(WEB)
        expect(await world.ipvs.connections.list({ service: WEB })).toEqual([])
      })

      it.skipIf(localAddresses)('local addresses are of FULLNAT kernels', async () => {
        const wanted = { says: 'this kernel has no local addresses' }
        await expectUnsupported(world.ipvs.connections.list({ localAddress: '10.0.0.1' }), {
          ...wanted,
          operation: 'connections.list',
        })
        await expectUnsupported(world.ipvs.connections.count({ by: 'localAddress' }), {
          ...wanted,
          operation: 'connections.count',
        })
      })

      it.each(METHODS)('%s: an aborted signal', async (method) => {
        const wanted = { code: 'ABORT_ERR', operation: `connections.${method}`, sent: false }
        await expectFailure(call(world.ipvs, method, { signal: AbortSignal.abort() }), wanted)
      })

      it.each(METHODS)('%s: a closed client', async (method) => {
        const client = await harness.open()
        await client.close()
        const wanted = { code: 'ERR_IPVS_CLOSED', operation: `connections.${method}` }
        await expectFailure(call(client, method), wanted)
      })

      it('two of a client at the same time do not disturb each other', async () => {
        const [one, two] = [
          world.ipvs.connections.iterate({ service: NOWHERE }),
          world.ipvs.connections.count({ service: NOWHERE }),
        ]
        expect(await collect(one)).toEqual([])
        expect(await two).toBe(0)
      })

      it('an iteration that was left before it began opens nothing', async () => {
        const iterator = world.ipvs.connections.iterate()
        expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
        expect(await iterator.next()).toEqual({ done: true, value: undefined })
      })
    })

    const wrong: [string, object, string, string][] = [
      ['an unknown option', { svc: WEB }, 'ERR_INVALID_ARG_VALUE', 'options.svc'],
      ['a service that is none', { service: {} }, 'ERR_INVALID_ARG_VALUE', 'options.service'],
      ['a service as a text', { service: 'tcp 192.0.2.1:80' }, 'ERR_INVALID_ARG_TYPE', 'options.service'],
      ['a client that is no address', { client: 'example.org' }, 'ERR_INVALID_ARG_VALUE', 'options.client'],
      ['a client as a number', { client: 7 }, 'ERR_INVALID_ARG_TYPE', 'options.client'],
      [
        'a port of 65536',
        { client: { address: '192.0.2.7', port: 65536 } },
        'ERR_OUT_OF_RANGE',
        'options.client.port',
      ],
      [
        'a property of an endpoint',
        { destination: { address: '10.0.0.1', ports: 1 } },
        'ERR_INVALID_ARG_VALUE',
        'options.destination.ports',
      ],
      [
        'a destination without address',
        { destination: { port: 80 } },
        'ERR_INVALID_ARG_TYPE',
        'options.destination.address',
      ],
      ['states as a text', { states: 'established' }, 'ERR_INVALID_ARG_TYPE', 'options.states'],
      ['no state at all', { states: [] }, 'ERR_INVALID_ARG_VALUE', 'options.states'],
      [
        "the kernel's word for a state",
        { states: ['listen', 'SYN_RECV'] },
        'ERR_INVALID_ARG_VALUE',
        'options.states[1]',
      ],
      ['a state that is no text', { states: [1] }, 'ERR_INVALID_ARG_TYPE', 'options.states[0]'],
      ['a limit of 0', { limit: 0 }, 'ERR_OUT_OF_RANGE', 'options.limit'],
      ['a limit of 1.5', { limit: 1.5 }, 'ERR_OUT_OF_RANGE', 'options.limit'],
      ['an origin as a text', { origin: 'sync' }, 'ERR_INVALID_ARG_TYPE', 'options.origin'],
      ['templates as a number', { templates: 1 }, 'ERR_INVALID_ARG_TYPE', 'options.templates'],
      ['a timeout of -1', { timeout: -1 }, 'ERR_OUT_OF_RANGE', 'options.timeout'],
      ['a signal that is none', { signal: {} }, 'ERR_INVALID_ARG_TYPE', 'options.signal'],
      [
        'a client of another family than the service',
        { service: WEB, client: '2001:db8::7' },
        'ERR_INVALID_ARG_VALUE',
        'options.client',
      ],
      [
        'a local address of another family than the client',
        { client: '192.0.2.7', localAddress: 'fd00::1' },
        'ERR_INVALID_ARG_VALUE',
        'options.localAddress',
      ],
    ]
    it.each(wrong)('bad input: %s', async (_, options, code, field) => {
      for (const method of METHODS) {
        const error = await rejection<Error & { code: string; field: string }>(
          call(world.ipvs, method, options),
        )
        expect(error).toMatchObject({ code, field })
      }
    })

    it('bad input: what is counted apart', async () => {
      const counted = call(world.ipvs, 'count', { by: 'client' } as never)
      expect(await rejection(counted)).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', field: 'options.by' })
      const listed = call(world.ipvs, 'list', { by: 'state' })
      expect(await rejection(listed)).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', field: 'options.by' })
    })

    it.skipIf(destinationFamily)(
      'bad input: a destination of another family, where no tunnel leads there',
      async () => {
        const asked = call(world.ipvs, 'list', { service: WEB, destination: 'fd00::1' })
        expect(await rejection(asked)).toMatchObject({
          code: 'ERR_INVALID_ARG_VALUE',
          field: 'options.destination',
        })
      },
    )
  })
}
