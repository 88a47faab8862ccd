/** The options of -a, -e and -d → a destination with its configuration. */

import { checkDestinationInput, checkServiceKey } from '../../input'
import type { DestinationConfig, DestinationKey, Forwarding, Tunnel } from '../../model/types'
import { DIALECT_FACTS } from './dialects'
import type { Endpoint } from './endpoint'
import { readEndpoint } from './endpoint'
import type { Given, RuleContext } from './given'
import { shownOption } from './options'
import type { GivenOption } from './scan'
import type { GivenService } from './service-key'
import { validated } from './validate'
import { INT_MAX, readNumber, readWeight } from './values'
import type { Word } from './words'

const METHODS: Readonly<Record<string, Forwarding>> = {
  gatewaying: 'direct-route',
  ipip: 'tunnel',
  masquerading: 'masquerade',
  fullnat: 'fullnat',
}

/** What Alibaba's v2 prints for FULLNAT, and mainline for every method without a name (ipvsadm.c:fwd_switch). */
const NULL_WORD = '(null)'

interface Method {
  readonly forwarding: Forwarding
  readonly option: GivenOption | undefined
  readonly rest: readonly Word[]
}

function readMethod(given: Given, { dialect, complaints, nullMeans }: RuleContext): Method | undefined {
  const option = given.options.get('forwarding')
  const unnamed = given.rest.find(({ text }) => text === NULL_WORD)
  const rest = given.rest.filter((word) => word !== unnamed)
  if (unnamed && !option) {
    if (!DIALECT_FACTS[dialect].fullnat) {
      const hint = 'It is one that this ipvsadm has no option for, FULLNAT or bypass.'
      return complaints.error('null-method', "'(null)' tells no forwarding method", unnamed.span, hint)
    }
    if (nullMeans === 'fullnat') return { forwarding: 'fullnat', option: undefined, rest }
    const hint =
      "Alibaba's v2 prints FULLNAT so, and other methods that it does not know: if it was FULLNAT, pass nullMeans: 'fullnat'."
    return complaints.error('null-method', "'(null)' tells no forwarding method", unnamed.span, hint)
  }
  const forwarding = option ? METHODS[option.row.long] : 'direct-route'
  if (option && forwarding === undefined) {
    const hint = 'It is dpvs alone: keep this line for its ipvsadm.'
    return complaints.error(
      'not-sayable',
      `${shownOption(option.row)}: SNAT cannot be said here`,
      option.span,
      hint,
    )
  }
  return { forwarding: forwarding as Forwarding, option, rest: unnamed ? given.rest : rest }
}

/** -r as it is given. */
function readReal(given: Given, service: GivenService, context: RuleContext): Endpoint | undefined {
  const option = given.options.get('real-server')
  if (!option) return undefined
  const { protocol } = service.key
  return readEndpoint(option.value as Word, 'real server', {
    ...context,
    protocol: protocol as string | undefined,
  })
}

/** The port of the service where none is given; ipvsadm.c takes what it knows by then, and dpvs none at all. */
function defaultPort(given: Given, service: GivenService, { dialect, complaints }: RuleContext): number {
  const option = given.options.get('real-server') as GivenOption
  const early = given.inOrder.indexOf(option) < given.inOrder.indexOf(service.option)
  const port = service.key.port ?? 0
  if ((!early && dialect !== 'dpvs') || port === 0) return port
  const why = early ? '-r stands before the service' : 'dpvs takes no port from the service'
  complaints.warn('no-port', `no port is given, and ${why}: it is 0`, option.span)
  return 0
}

export function readDestinationKey(
  given: Given,
  service: GivenService,
  context: RuleContext,
): DestinationKey | undefined {
  const real = readReal(given, service, context)
  return real && { address: real.address, port: real.port ?? defaultPort(given, service, context) }
}

const CHECKSUMS = { 'tun-nocsum': 'none', 'tun-csum': 'full', 'tun-remcsum': 'remote' } as const

function readTunnel(given: Given, { complaints }: RuleContext): Tunnel | undefined {
  const type = given.options.get('tun-type')?.value
  const port = given.options.get('tun-port')?.value
  const kinds = Object.keys(CHECKSUMS) as (keyof typeof CHECKSUMS)[]
  const [checksum, second] = kinds.filter((kind) => given.options.has(kind))
  if (second) {
    const { span } = given.options.get(second) as GivenOption
    complaints.error('conflicting-option', `--${second} beside --${checksum}`, span)
  }
  if (!type && !port && !checksum) return undefined
  const name = type?.text ?? 'ipip'
  if (name !== 'ipip' && name !== 'gue' && name !== 'gre') {
    return complaints.error(
      'not-a-tunnel',
      `no tunnel type '${name}'`,
      (type as Word).span,
      'There are ipip, gue, gre.',
    )
  }
  const number = port && readNumber(port, 'tunnel port', 1, 65535, complaints)
  return {
    type: name,
    ...(number === undefined ? {} : { port: number }),
    ...(checksum === undefined ? {} : { checksum: CHECKSUMS[checksum] }),
  }
}

export interface ReadDestination {
  readonly destination: DestinationKey
  readonly config: DestinationConfig
  /** Words that are still nobody's. */
  readonly rest: readonly Word[]
}

/** For -a and -e. */
export function readDestination(
  given: Given,
  service: GivenService,
  context: RuleContext,
): ReadDestination | undefined {
  const { complaints, dialect } = context
  const method = readMethod(given, context)
  const real = readReal(given, service, context)
  const value = (kind: string) => given.options.get(kind)?.value
  const weight = value('weight') && readWeight(value('weight') as Word, complaints)
  const threshold = (kind: string) =>
    value(kind) && readNumber(value(kind) as Word, 'threshold', 0, INT_MAX, complaints)
  const upperThreshold = threshold('u-threshold')
  const lowerThreshold = threshold('l-threshold')
  const tunnel = readTunnel(given, context)
  if (!method || !real) return undefined
  const { forwarding } = method
  const span = (given.options.get('real-server') as GivenOption).value?.span ?? given.span
  const crosses = real.ipv6 !== service.ipv6
  if (crosses && dialect !== 'mainline') {
    // dpvs has it with FULLNAT, for IPv6 in front of IPv4.
    const code = dialect === 'dpvs' ? 'not-sayable' : 'other-family'
    return complaints.error(code, "the real server is not of the service's address family", span)
  }
  const config: DestinationConfig = {
    forwarding,
    ...(weight === undefined ? {} : { weight }),
    ...(upperThreshold === undefined ? {} : { upperThreshold }),
    ...(lowerThreshold === undefined ? {} : { lowerThreshold }),
    ...(tunnel === undefined ? {} : { tunnel }),
  }
  const destination = { address: real.address, port: portOf(given, service, real, forwarding, context) }
  const spans = {
    address: span,
    forwarding: method.option?.span,
    weight: value('weight')?.span,
    upperThreshold: value('u-threshold')?.span,
    lowerThreshold: value('l-threshold')?.span,
    port: value('tun-port')?.span,
    tunnel: (given.options.get('tun-type') ?? given.options.get('tun-port'))?.span,
  }
  const check = () => checkDestinationInput({ ...destination, ...config }, checkServiceKey(service.key))
  validated(check, spans, given.span, complaints)
  return { destination, config, rest: method.rest }
}

/** ipvsadm.c:process_options: with -g and -i the packet goes on as it is, to the port of the service. */
function portOf(
  given: Given,
  service: GivenService,
  real: Endpoint,
  forwarding: Forwarding,
  context: RuleContext,
): number {
  const { key } = service
  if (key.fwmark !== undefined || (forwarding !== 'direct-route' && forwarding !== 'tunnel')) {
    return real.port ?? defaultPort(given, service, context)
  }
  if (real.port !== undefined && real.port !== key.port) {
    const option = given.options.get('real-server') as GivenOption
    const method = forwarding === 'tunnel' ? '-i' : '-g'
    const description = `port ${real.port} becomes ${key.port}: with ${method} the destination has the port of the service`
    context.complaints.warn('port-forced', description, (option.value as Word).span)
  }
  return key.port
}
