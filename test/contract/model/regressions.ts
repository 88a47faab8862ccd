// Sequences in which a fake kernel once answered otherwise than the real one, each by what was wrong. They run on both,
// side by side, in the VM (test/vm/differential.test.ts), and on the fake alone with what the kernel had answered.

import type { FakeDialect } from '../../../lib/testing'
import type { Operation } from './operations'

export interface RegressionContext {
  readonly dialect: FakeDialect
  readonly transport: 'netlink' | 'sockopt'
  /** The director's own addresses, in a /24 and a /64. */
  readonly own: { readonly ipv4: string; readonly ipv6: string }
}

export interface Regression {
  readonly name: string
  readonly operations: readonly Operation[]
  /** What the last operation came to on the kernel. */
  readonly last: readonly string[]
}

const SERVICE = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const SERVICE_6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 }

export function regressions({ dialect, transport, own }: RegressionContext): readonly Regression[] {
  const mainline = dialect === 'mainline'
  const taken = ['undefined']
  const refused = [`EINVAL -22 ${transport === 'netlink' ? 'sendmsg' : 'setsockopt'}`]
  const destination = (
    address: string,
    last: readonly string[],
  ): Pick<Regression, 'operations' | 'last'> => ({
    operations: [
      { call: 'services.add', args: [SERVICE], full: true },
      { call: 'destinations.add', args: [SERVICE, { address, port: 80, forwarding: 'masquerade' }] },
    ],
    last,
  })
  return [
    {
      name: '127.255.255.255 is the broadcast address of the loopback network, not local',
      ...destination('127.255.255.255', refused),
    },
    {
      name: 'the first address of a network is unicast since Linux 5.14',
      ...destination(own.ipv4.replace(/\d+$/, '0'), mainline ? taken : refused),
    },
    {
      name: 'the first address of the loopback network is local since Linux 5.14',
      ...destination('127.0.0.0', mainline ? taken : refused),
    },
    {
      name: 'an IPv6 address that stands for an IPv4 one is not unicast, and local only where a route is missing',
      operations: [
        { call: 'services.add', args: [SERVICE_6], full: true },
        {
          call: 'destinations.add',
          // As if it were listed: the library refuses it from a caller.
          args: [SERVICE_6, { address: '::ffff:10.0.0.1', port: 80, forwarding: 'masquerade', stats: {} }],
          full: true,
        },
      ],
      last: mainline ? ['EINVAL -22 sendmsg'] : taken,
    },
  ]
}
