/** Remedies of the doctor name calls of the library; whoever sits at a prompt has lines to type instead. */

import type { FindingSubject } from '../diagnose/types'
import { formatDestinationKey, formatServiceKey } from '../model/keys'

/** The service as ipvsadm's lines name it. */
function serviceOption({ service }: FindingSubject): string {
  if (!service) return '-t VIP:PORT'
  if (service.fwmark !== undefined) return `-f ${service.fwmark}${service.family === 'ipv6' ? ' -6' : ''}`
  const endpoint = formatServiceKey(service).replace(/^\S+ /, '')
  return `${service.protocol === 'udp' ? '-u' : '-t'} ${endpoint}`
}

const destinationOf = ({ destination }: FindingSubject): string =>
  destination ? formatDestinationKey(destination) : 'IP:PORT'

interface Named {
  readonly service: string
  readonly destination: string
}

/** Without quotes: what is no literal is a word to be filled in. */
function address(argument: string): string {
  const literal = /^'(.*)'$/.exec(argument)?.[1]
  return literal ?? (argument === 'other' ? 'OTHER' : 'IP')
}

const METHODS: { readonly [method: string]: string | undefined } = { masquerade: '-m', fullnat: '-b' }

/** Calls between backticks. `-e` of ipvsadm forgets what it does not name. */
const CALLS: readonly (readonly [call: RegExp, line: (named: Named, ...found: string[]) => string])[] = [
  [/ipvs\.sysctl\.set\('(\w+)', ([^)]+)\)/, (_, name, value) => `ipvs-fullnat sysctl set ${name} ${value}`],
  [
    /ipvs\.sysctl\.setLocalPorts\(\{ min: (\d+), max: (\d+) \}\)/,
    (_, min, max) =>
      `ipvs-fullnat sysctl set fullnat_lport_max ${max}; ipvs-fullnat sysctl set fullnat_lport_min ${min}`,
  ],
  [/ipvs\.sysctl\.setLocalPorts\(.*\)/, () => 'ipvs-fullnat sysctl set fullnat_lport_min MIN'],
  [
    /ipvs\.localAddresses\.add\(service, (.+)\)/,
    ({ service }, one) => `ipvs-fullnat -P ${service} -z ${address(one as string)}`,
  ],
  [
    /ipvs\.localAddresses\.remove\(service, (.+)\)/,
    ({ service }, one) => `ipvs-fullnat -Q ${service} -z ${address(one as string)}`,
  ],
  [
    /ipvs\.destinations\.add\(.*\)/,
    ({ service }) => `ipvs-fullnat -a ${service} -r IP:PORT METHOD -w WEIGHT`,
  ],
  [
    /ipvs\.destinations\.update\(service, destination, \{ weight: (\d+) \}\)/,
    ({ service }, weight) => `ipvs-fullnat -e ${service} -r IP:PORT METHOD -w ${weight}`,
  ],
  [
    /ipvs\.destinations\.set\(service, \{ \.\.\.destination, forwarding: '(\w+)' \}\)/,
    ({ service, destination }, method) =>
      `ipvs-fullnat -e ${service} -r ${destination} ${METHODS[method as string] ?? 'METHOD'} -w WEIGHT`,
  ],
  [
    /ipvs\.destinations\.set\(service, destination\)/,
    ({ service, destination }) => `ipvs-fullnat -e ${service} -r ${destination} METHOD -w WEIGHT`,
  ],
  [/ipvs\.services\.remove\(service\)/, ({ service }) => `ipvs-fullnat -D ${service}`],
  [
    /ipvs\.services\.update\(service, \{ synproxy: false \}\)/,
    ({ service }) => `ipvs-fullnat -E ${service} -j disable`,
  ],
  [/ipvs\.timeouts\.set\(.*\)/, () => 'ipvs-fullnat --set TCP TCPFIN UDP'],
  [/ipvs\.daemons\.stop\('(\w+)'\)/, (_, state) => `ipvs-fullnat --stop-daemon ${state}`],
  [/ipvs\.extendedStats\(\)/, () => 'ipvs-fullnat stats'],
  [/ipvs\.evidence/, () => 'ipvs-fullnat doctor --json'],
  [/Ipvs\.open\(\{ loadModule: true \}\)/, () => '--load-module'],
  [/Ipvs\.open\(\{ transport: 'auto' \}\)/, () => '--transport auto'],
  [/Ipvs\.open\(\{ transport: 'netlink' \}\)/, () => '--transport netlink'],
  [/Ipvs\.open\(\{ force: true \}\)/, () => '--force'],
  [
    /(?:Ipvs\.open\(|diagnose\(ipvs, )\{ timeout: (\d+)000 \}\)/,
    (_, seconds) => `--kernel-timeout ${seconds}`,
  ],
  [/Ipvs\.open\(\)/, () => 'ipvs-fullnat -L -n'],
]

/** `remedy` of a finding about `subject`, with lines for a prompt between the backticks. */
export function remedyInLines(remedy: string, subject: FindingSubject): string {
  const named = { service: serviceOption(subject), destination: destinationOf(subject) }
  return remedy.replace(/`(?:await )?([^`]+)`/g, (whole, call: string) => {
    for (const [pattern, line] of CALLS) {
      const found = pattern.exec(call)
      if (found && found[0] === call) return `\`${line(named, ...found.slice(1))}\``
    }
    return whole
  })
}
