/** The words of one rule → what it says. */

import { checkLocalAddress, checkLocalAddressKey, checkServiceKey } from '../../input'
import type { Span } from '../text/source-text'
import type { IpvsadmCommand } from './command-types'
import { readDaemon, readDaemonState, readList, readTimeouts } from './daemon-options'
import { readDestination, readDestinationKey } from './destination-options'
import { readEndpoint } from './endpoint'
import type { Given, RuleContext } from './given'
import { hintAbout, readGiven } from './given'
import { OPTION_TABLES, shownOption } from './options'
import type { GivenOption } from './scan'
import { scanOptions } from './scan'
import { readServiceConfig } from './service-config'
import type { GivenService } from './service-key'
import { readService } from './service-key'
import { validated } from './validate'
import type { Word } from './words'

/** Undefined where it is wrong, which is then reported. */
export function readRule(
  words: readonly Word[],
  span: Span,
  context: RuleContext,
): IpvsadmCommand | undefined {
  const { complaints, dialect } = context
  const scanned = scanOptions(words, OPTION_TABLES[dialect], complaints)
  const given = readGiven(scanned, span, context)
  if (!given) return undefined
  const command = build(given, context)
  return complaints.failed ? undefined : command
}

function reportRest(rest: readonly Word[], complaints: RuleContext['complaints']): void {
  const [first] = rest
  if (!first) return
  const hint = hintAbout(first)
  complaints.error('unexpected-argument', `'${first.text}' belongs to no option`, first.span, hint)
}

function build(given: Given, context: RuleContext): IpvsadmCommand | undefined {
  const { complaints } = context
  const { name, span } = given
  const service = readService(given, context)
  // Without the service nothing else can be read; that it is missing or wrong has been said.
  const needsService = given.options.has('service') && !service
  if (needsService) return undefined
  switch (name) {
    case 'add-service':
    case 'edit-service': {
      if (!service) return undefined
      const { config, netmask, rest } = readServiceConfig(given, service, context)
      reportRest(rest, complaints)
      return { command: name, service: service.key, config, netmask, span }
    }
    case 'add-destination':
    case 'edit-destination': {
      const read =
        service && given.options.has('real-server') ? readDestination(given, service, context) : undefined
      reportRest(read ? read.rest : given.rest.filter(({ text }) => text !== '(null)'), complaints)
      if (!read || !service) return undefined
      const { destination, config } = read
      return { command: name, service: service.key, destination, config, span }
    }
    case 'remove-destination': {
      reportRest(given.rest, complaints)
      const destination = service && readDestinationKey(given, service, context)
      return service && destination && { command: name, service: service.key, destination, span }
    }
    case 'add-local-address':
    case 'remove-local-address': {
      reportRest(given.rest, complaints)
      const localAddress = service && readLocalAddress(given, service, context)
      if (!service || localAddress === undefined) return undefined
      return { command: name, service: service.key, localAddress, span }
    }
    case 'set-timeouts': {
      const { timeouts, rest } = readTimeouts(given, context)
      reportRest(rest, complaints)
      return { command: name, timeouts, span }
    }
    default:
      reportRest(given.rest, complaints)
      return buildOther(given, service, context)
  }
}

function buildOther(
  given: Given,
  service: GivenService | undefined,
  context: RuleContext,
): IpvsadmCommand | undefined {
  const { complaints } = context
  const { name, span } = given
  switch (name) {
    case 'remove-service':
      return service && { command: name, service: service.key, span }
    case 'zero':
    case 'list-local-addresses':
      return { command: name, service: service?.key, span }
    case 'list':
      return { command: name, ...readList(given, service, context), span }
    case 'save':
      return { command: name, numeric: given.options.has('numeric'), span }
    case 'start-daemon': {
      const daemon = readDaemon(given, context)
      return daemon && { command: name, daemon, span }
    }
    case 'stop-daemon': {
      const state = readDaemonState(given, context)
      const syncId = given.options.get('syncid')
      if (syncId) complaints.warn('no-effect', '--syncid has no effect with --stop-daemon', syncId.span)
      return state && { command: name, state, span }
    }
    case 'restore':
    case 'flush':
    case 'help':
    case 'version':
      return { command: name, span }
    default: {
      const hint = 'They are dpvs alone: keep this line for its ipvsadm.'
      const shown = shownOption(given.command.row)
      const description = `${shown}: black and white lists cannot be said here`
      return complaints.error('not-sayable', description, given.command.span, hint)
    }
  }
}

/** -z; a port is ignored, as ipvsadm.c does. */
function readLocalAddress(given: Given, service: GivenService, context: RuleContext): string | undefined {
  const { complaints, dialect } = context
  const word = (given.options.get('laddr') as GivenOption | undefined)?.value
  if (!word) return undefined
  const { key } = service
  if ((key.address === '0.0.0.0' || key.address === '::') && key.port === 0) {
    const description = `ipvsadm -S prints ${key.address === '::' ? '[::]:0' : '0.0.0.0:0'} for every firewall mark: which one this address is of is lost`
    const hint = 'Write -P -f MARK -z ADDRESS.'
    return complaints.error('misprinted-service', description, service.span, hint)
  }
  const endpoint = readEndpoint(word, 'local address', { ...context, protocol: undefined })
  if (!endpoint) return undefined
  if (dialect === 'dpvs' && service.ipv6 !== endpoint.ipv6) {
    return complaints.error(
      'not-sayable',
      'local addresses of the other family cannot be said here',
      word.span,
    )
  }
  if (service.ipv6 && !endpoint.ipv6) {
    const description = `ipvsadm -S prints IPv6 local addresses as the IPv4 address that their first four bytes make: ${endpoint.address} is ${firstBytes(endpoint.address)}:…`
    return complaints.error('misprinted-local-address', description, word.span, 'Write the IPv6 address.')
  }
  if (endpoint.port !== undefined)
    complaints.warn('no-effect', 'the port of a local address is ignored', word.span)
  const ifname = given.options.get('ifname')
  if (ifname) complaints.warn('not-sayable', '-F: the interface cannot be said here', ifname.span)
  const normalized = checkServiceKey(key)
  const check = given.name === 'add-local-address' ? checkLocalAddress : checkLocalAddressKey
  const checked = validated(
    () => check(endpoint.address, normalized),
    { localAddress: word.span },
    given.span,
    complaints,
  )
  return checked && endpoint.address
}

function firstBytes(ipv4: string): string {
  const [a, b, c, d] = ipv4.split('.').map(Number) as [number, number, number, number]
  return [(a << 8) | b, (c << 8) | d].map((group) => group.toString(16)).join(':')
}
