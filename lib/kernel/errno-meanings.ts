/** What the kernel's error numbers mean for each operation. */

import type { ErrorSubject, Explanation } from '../errors/ipvs-error'
import { IpvsError, IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import type { Dialect } from '../model/call-types'
import { errnoName } from './errno'

const NO_SERVICE: Explanation = [
  'no such service',
  'Add the service first, or check its protocol, address and port.',
]
const NO_SCHEDULER: Explanation = [
  'no such scheduler or persistence engine',
  'Check the name; the module ip_vs_<name> must be built for this kernel.',
]
const NO_COMMAND: Explanation = [
  'this kernel has no such command',
  'See ipvs.capabilities; over sockopt it can also mean that ip_vs is not loaded.',
]

/** Operations by what the kernel can have found wrong with them: those that only read pass it nothing but a key. */
const SERVICE_WRITES = ['services.add', 'services.set', 'services.update', 'services.ensure'] as const
const DESTINATION_NEW = ['destinations.add', 'destinations.ensure'] as const
const DESTINATION_WRITES = [...DESTINATION_NEW, 'destinations.set', 'destinations.update'] as const
const LOCAL_ADDRESS_WRITES = [
  'localAddresses.add',
  'localAddresses.remove',
  'localAddresses.set',
  'localAddresses.ensure',
] as const

interface Meaning {
  /** Every operation where it is not said. */
  readonly operations?: readonly string[]
  readonly when?: (failure: Failure) => boolean
  readonly says: Explanation
}

type Failure = Pick<KernelFailure, 'subject' | 'dialect'>

/** The destination is not of the family of its service. */
function isMixed({ subject }: Failure): boolean {
  const { service, destination } = subject ?? {}
  if (!service || !destination) return false
  const ipv6 = service.fwmark === undefined ? service.address.includes(':') : service.family === 'ipv6'
  return ipv6 !== destination.address.includes(':')
}

const isMainline = ({ dialect }: Failure): boolean => dialect === 'mainline'

/**
 * What an errno means (ip_vs_ctl.c:ip_vs_genl_set_cmd, do_ip_vs_set_ctl): the first that is about the operation. Each names
 * only what is possible for it.
 */
const MEANINGS: Readonly<Record<string, readonly Meaning[]>> = {
  EPERM: [
    {
      operations: ['open'],
      says: ['not permitted to enter the network namespace', 'CAP_SYS_ADMIN is needed for netns.'],
    },
    {
      says: [
        'not permitted',
        'CAP_NET_ADMIN is needed in the user namespace that owns the network namespace, for reading too.',
      ],
    },
  ],
  EACCES: [{ says: ['access denied', 'A security module (SELinux, AppArmor, seccomp) may be in the way.'] }],
  EINTR: [{ says: ['interrupted by a signal, nothing was done', 'Repeat the call.'] }],
  EAGAIN: [{ says: ['the answer did not fit the receive buffer', 'Repeat the call.'] }],
  EBUSY: [{ says: ['the kernel is busy with another dump on this socket', 'Repeat the call.'] }],
  ENOMEM: [
    {
      when: ({ dialect }) => dialect === 'fullnat-v3',
      says: [
        'the kernel is out of memory',
        'fullnat-v3 keeps a copy of every service for every possible CPU.',
      ],
    },
    { says: ['the kernel is out of memory', 'Repeat the call when there is memory.'] },
  ],
  ENOBUFS: [{ says: ['answers of the kernel were lost', 'Read the state again before repeating the call.'] }],
  EMSGSIZE: [{ says: ['the message is too large', 'Raise net.core.wmem_max, and please report it.'] }],
  EEXIST: [
    {
      operations: SERVICE_WRITES,
      says: ['service already exists', 'Use services.set() to replace it, or services.ensure().'],
    },
    {
      operations: DESTINATION_WRITES,
      says: ['destination already exists', 'Use destinations.set() to replace it, or destinations.ensure().'],
    },
    {
      operations: LOCAL_ADDRESS_WRITES,
      says: [
        'the service already has this local address',
        'Use localAddresses.ensure() or localAddresses.set().',
      ],
    },
    {
      operations: ['daemons.start'],
      says: ['a daemon of this state already runs', 'Stop it first with daemons.stop().'],
    },
  ],
  ENOENT: [
    { operations: SERVICE_WRITES, says: NO_SCHEDULER },
    {
      operations: [...DESTINATION_WRITES, 'destinations.remove'],
      says: ['no such destination', 'Use destinations.add() first, or destinations.ensure().'],
    },
    {
      operations: LOCAL_ADDRESS_WRITES,
      says: ['the service has no such local address', 'List them with localAddresses.list().'],
    },
    { operations: ['open'], says: ['no such network namespace', 'Check the name or path of netns.'] },
    { says: ['no such object', 'Read the state again: another program may have changed it.'] },
  ],
  ESRCH: [
    {
      operations: ['daemons.start', 'daemons.stop'],
      says: ['no daemon of this state runs', 'See daemons.list().'],
    },
    { says: NO_SERVICE },
  ],
  EINVAL: [
    {
      operations: SERVICE_WRITES,
      says: [
        'the kernel refused the service',
        'Check scheduler, its flags and the netmask: the scheduler could not be set up with them.',
      ],
    },
    {
      // ip_vs_ctl.c:ip_vs_genl_set_cmd: before anything else of the destination; what is no tunnel is refused by the library.
      operations: DESTINATION_WRITES,
      when: (failure) => isMainline(failure) && isMixed(failure),
      says: [
        'a tunnel to the other address family is refused while a sync daemon runs',
        'See daemons.list(): stop the daemons first. Without one, check that the address is one of a host.',
      ],
    },
    {
      operations: DESTINATION_NEW,
      says: [
        'destination address is neither local nor unicast',
        'Use an address of a host; 0.0.0.0/8, multicast and broadcast are refused (ip_vs_ctl.c:ip_vs_new_dest).',
      ],
    },
    {
      operations: DESTINATION_WRITES,
      when: isMainline,
      says: [
        'the kernel refused the destination',
        'Check tunnel: GUE needs a port (ip_vs_ctl.c:ip_vs_edit_dest).',
      ],
    },
    {
      // ip_vs_ctl.c:ip_vs_genl_new_daemon: sync messages have one family.
      operations: ['daemons.start'],
      when: isMainline,
      says: [
        'the kernel refused the daemon',
        'No daemon starts while a service has a destination of the other address family: remove those, or check the multicast group and the interface.',
      ],
    },
    {
      operations: ['daemons.start', 'daemons.stop'],
      says: ['the kernel refused the daemon', 'Check its state and interface.'],
    },
    { operations: ['timeouts.set'], says: ['the kernel refused a timeout', 'Each is 1–2147483 seconds.'] },
    {
      operations: ['open'],
      says: ['not a network namespace', 'netns must name a network namespace, such as /run/netns/blue.'],
    },
    {
      says: [
        'the kernel refused the arguments',
        'Please report it: the library should have refused them first.',
      ],
    },
  ],
  EFAULT: [
    {
      says: [
        'the kernel could not take the arguments',
        'Over sockopt only TCP and UDP services are accepted.',
      ],
    },
  ],
  ERANGE: [
    {
      operations: DESTINATION_WRITES,
      says: [
        'weight or thresholds out of range',
        'Weight 0–2147483647, lowerThreshold at most upperThreshold.',
      ],
    },
    {
      says: ['a number is out of range', 'Check the numbers against the documentation of the method.'],
    },
  ],
  EOPNOTSUPP: [{ says: NO_COMMAND }],
  ENOPROTOOPT: [{ says: NO_COMMAND }],
  EPROTONOSUPPORT: [{ says: ['this kernel has no generic netlink', "Open with { transport: 'sockopt' }."] }],
  EAFNOSUPPORT: [
    {
      says: [
        'the kernel lacks this address family',
        'IPv6 services need CONFIG_IP_VS_IPV6 and IPv6 enabled.',
      ],
    },
  ],
  ECONNREFUSED: [
    { says: ['nobody answers on this netlink socket', 'Check that the kernel has generic netlink.'] },
  ],
  EMFILE: [{ says: ['too many open files', 'Raise the limit of open files (ulimit -n), or close clients.'] }],
  ETIMEDOUT: [{ says: ['no answer in time', 'Read the state again before repeating the call.'] }],
  ENODEV: [
    {
      operations: ['daemons.start'],
      says: ['no such network interface', 'Check the name of the interface in this network namespace.'],
    },
  ],
  EADDRINUSE: [
    {
      operations: ['daemons.start'],
      says: ['the multicast address is in use', 'Choose another multicast port or group.'],
    },
  ],
  EADDRNOTAVAIL: [
    {
      operations: ['daemons.start'],
      says: ['the interface has no address', 'Give the interface an address first.'],
    },
  ],
}

export interface KernelFailure {
  /** Positive, as it comes over the border. */
  readonly errno: number
  readonly syscall?: string | undefined
  readonly operation: string
  readonly subject?: ErrorSubject | undefined
  readonly dialect: Dialect
  readonly sent: boolean
  readonly kernelMessage?: string | undefined
}

/** The error for an errno of the kernel, in the words of the operation. */
export function kernelError({ errno, dialect, operation, ...rest }: KernelFailure): IpvsError {
  const name = errnoName(errno)
  const details = { ...rest, errno: -errno, operation }
  // ZERO is a stub on fullnat-v3 (ip_vs_ctl.c:ip_vs_zero_all); a lack of privilege is EPERM, never EACCES.
  if (operation === 'zero' && name === 'EACCES' && dialect !== 'mainline') {
    return ownError(IpvsErrorCodes.UNSUPPORTED, {
      ...details,
      description: 'this kernel cannot zero its counters',
      hint: 'Keep the last values and subtract them.',
    })
  }
  const meant = MEANINGS[name]?.find(
    ({ operations, when }) =>
      (!operations || operations.includes(operation)) && (!when || when({ subject: rest.subject, dialect })),
  )
  const [description, hint] = meant?.says ?? [`the kernel answered errno ${errno}`]
  return new IpvsError({ ...details, code: name, description, hint })
}
