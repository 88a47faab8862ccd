/** What the kernel's error numbers mean for each operation. */

import type { ErrorSubject, Explanation } from '../errors/ipvs-error'
import { IpvsError, IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import type { Dialect } from '../model/types'
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
const CHANGED_ADDRESS: Explanation = [
  'destination address is neither local nor unicast',
  'Use an address of a host; 0.0.0.0/8, multicast and broadcast are refused (ip_vs_ctl.c:ip_vs_new_dest).',
]

/**
 * What an errno means (ip_vs_ctl.c:ip_vs_genl_set_cmd, do_ip_vs_set_ctl): looked for under the operation,
 * then under the part of its name before the dot, then under ''.
 */
const MEANINGS: Readonly<Record<string, Readonly<Record<string, Explanation>>>> = {
  '': {
    EPERM: [
      'not permitted',
      'CAP_NET_ADMIN is needed in the user namespace that owns the network namespace, for reading too.',
    ],
    EACCES: ['access denied', 'A security module (SELinux, AppArmor, seccomp) may be in the way.'],
    EINTR: ['interrupted by a signal, nothing was done', 'Repeat the call.'],
    EAGAIN: ['the answer did not fit the receive buffer', 'Repeat the call.'],
    EBUSY: ['the kernel is busy with another dump on this socket', 'Repeat the call.'],
    ENOMEM: [
      'the kernel is out of memory',
      'fullnat-v3 keeps a copy of every service for every possible CPU.',
    ],
    ENOBUFS: ['answers of the kernel were lost', 'Read the state again before repeating the call.'],
    EMSGSIZE: ['the message is too large', 'Raise net.core.wmem_max, and please report it.'],
    EINVAL: [
      'the kernel refused the arguments',
      'Please report it: the library should have refused them first.',
    ],
    EFAULT: [
      'the kernel could not take the arguments',
      'Over sockopt only TCP and UDP services are accepted.',
    ],
    ERANGE: ['a number is out of range', 'Check the numbers against the documentation of the method.'],
    ENOENT: ['no such object', 'Read the state again: another program may have changed it.'],
    ESRCH: NO_SERVICE,
    EOPNOTSUPP: NO_COMMAND,
    ENOPROTOOPT: NO_COMMAND,
    EPROTONOSUPPORT: ['this kernel has no generic netlink', "Open with { transport: 'sockopt' }."],
    EAFNOSUPPORT: [
      'the kernel lacks this address family',
      'IPv6 services need CONFIG_IP_VS_IPV6 and IPv6 enabled.',
    ],
    ECONNREFUSED: ['nobody answers on this netlink socket', 'Check that the kernel has generic netlink.'],
    EMFILE: ['too many open files', 'Raise the limit of open files (ulimit -n), or close clients.'],
    ETIMEDOUT: ['no answer in time', 'Read the state again before repeating the call.'],
  },
  services: {
    EEXIST: ['service already exists', 'Use services.set() to replace it, or services.ensure().'],
    ENOENT: NO_SCHEDULER,
    EINVAL: [
      'the kernel refused the service',
      'Check scheduler, its flags and the netmask: the scheduler could not be set up with them.',
    ],
  },
  destinations: {
    EEXIST: ['destination already exists', 'Use destinations.set() to replace it, or destinations.ensure().'],
    ENOENT: ['no such destination', 'Use destinations.add() first, or destinations.ensure().'],
    ERANGE: [
      'weight or thresholds out of range',
      'Weight 0–2147483647, lowerThreshold at most upperThreshold.',
    ],
    EINVAL: ['the kernel refused the destination', 'Check forwarding, tunnel and thresholds.'],
  },
  'destinations.add': { EINVAL: CHANGED_ADDRESS },
  'destinations.ensure': { EINVAL: CHANGED_ADDRESS },
  localAddresses: {
    EEXIST: [
      'the service already has this local address',
      'Use localAddresses.ensure() or localAddresses.set().',
    ],
    ENOENT: ['the service has no such local address', 'List them with localAddresses.list().'],
  },
  daemons: {
    EEXIST: ['a daemon of this state already runs', 'Stop it first with daemons.stop().'],
    ESRCH: ['no daemon of this state runs', 'See daemons.list().'],
    ENODEV: ['no such network interface', 'Check the name of the interface in this network namespace.'],
    EINVAL: ['the kernel refused the daemon', 'Check its state, interface and multicast group.'],
    EADDRINUSE: ['the multicast address is in use', 'Choose another multicast port or group.'],
    EADDRNOTAVAIL: ['the interface has no address', 'Give the interface an address first.'],
  },
  timeouts: { EINVAL: ['the kernel refused a timeout', 'Each is 1–2147483 seconds.'] },
  open: {
    ENOENT: ['no such network namespace', 'Check the name or path of netns.'],
    EINVAL: ['not a network namespace', 'netns must name a network namespace, such as /run/netns/blue.'],
    EPERM: ['not permitted to enter the network namespace', 'CAP_SYS_ADMIN is needed for netns.'],
  },
}

export interface KernelFailure {
  /** Positive, as it comes over the border. */
  readonly errno: number
  readonly syscall?: string | undefined
  readonly operation: string
  readonly subject?: ErrorSubject | undefined
  readonly dialect: Dialect
  readonly sent: boolean
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
  const group = operation.slice(0, Math.max(0, operation.indexOf('.'))) || operation
  const [description, hint] = MEANINGS[operation]?.[name] ??
    MEANINGS[group]?.[name] ??
    MEANINGS['']?.[name] ?? [`the kernel answered errno ${errno}`]
  return new IpvsError({ ...details, code: name, description, hint })
}
