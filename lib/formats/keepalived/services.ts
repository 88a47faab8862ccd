/** Virtual servers → services of the state, with their destinations. */

import { checkDesiredService } from '../../input'
import type { AddressFamily } from '../../model/address'
import { AF_INET6, formatPacked } from '../../model/address'
import { addressOfNumber } from '../../model/address-range'
import type { DesiredDestination, DesiredService } from '../../model/desired-state'
import { serviceKeyId } from '../../model/keys'
import type { Family, Protocol, ServiceKey } from '../../model/types'
import { destinationsFor, familyOfRealServers } from './destinations'
import type { ServerGroup } from './groups'
import { MOST_KEEPALIVED_DESTINATIONS, MOST_KEEPALIVED_SERVICES } from './limits'
import { localAddressesOf, tellDpvsRange } from './local-addresses'
import type { Report } from './report'
import { serviceConfigOf } from './service-config'
import { validated } from './validate'
import type { VirtualServer } from './virtual-server'
import type { Word } from './words'

export interface ServerGroups {
  readonly servers: ReadonlyMap<string, ServerGroup>
  /** Names of `local_address_group`s. */
  readonly local: ReadonlySet<string>
}

/** A service that a virtual server makes, and what of it decides about its destinations. */
export interface Member {
  readonly key: ServiceKey
  readonly family: AddressFamily
  readonly port: number
  readonly fromGroup: boolean
  readonly word: Word
}

const PROTOCOLS: ReadonlyMap<string, Protocol> = new Map([
  ['TCP', 'tcp'],
  ['UDP', 'udp'],
  ['SCTP', 'sctp'],
])

const familyName = (family: AddressFamily): Family => (family === AF_INET6 ? 'ipv6' : 'ipv4')

const familyOf = ({ family, realServers, method }: VirtualServer): Family =>
  family ?? familyOfRealServers(realServers, method)

export class ServiceMaker {
  readonly services: DesiredService[] = []
  private readonly made = new Set<string>()
  private destinations = 0
  /** Real servers that were looked at. */
  private looked = 0
  /** Members that were asked for, whatever became of them. */
  private asked = 0
  private full = false

  constructor(
    private readonly groups: ServerGroups,
    private readonly report: Report,
  ) {}

  /** The keys of the services that a virtual server makes. */
  make(server: VirtualServer): readonly ServiceKey[] {
    const { report } = this
    const head = server.statement.words[0] as Word
    if (this.asked >= MOST_KEEPALIVED_SERVICES) return this.tooMany(head)
    if (server.realServers.length === 0) {
      if (report.dialect !== 'alibaba') {
        const description = `${report.program} leaves out a virtual server without real servers`
        report.error('no-real-servers', description, server.statement.span)
        return []
      }
      report.warn('no-real-servers', 'a virtual server without real servers', server.statement.span)
    }
    const members = this.membersOf(server)
    this.asked += members.length
    if (members.length === 0) return []
    const portless = members.find(({ key, port }) => key.fwmark === undefined && port === 0)
    const config = serviceConfigOf(server, members, portless?.word, report)
    if (!config) return []
    const localAddresses = localAddressesOf(server, this.groups.local, members, report)
    const keys: ServiceKey[] = []
    let last: { readonly member: Member; readonly list: readonly DesiredDestination[] } | undefined
    for (const member of members) {
      const same =
        last !== undefined && last.member.port === member.port && last.member.family === member.family
      const alike = same && (last?.member.key.fwmark === undefined) === (member.key.fwmark === undefined)
      const service: DesiredService = {
        ...member.key,
        ...(member.fromGroup && server.target.kind === 'group' ? { name: server.target.name } : {}),
        ...config,
        ...(localAddresses === undefined ? {} : { localAddresses }),
      }
      const checked = this.checked(service, member, head)
      if (!checked) continue
      const shared = alike ? last?.list : undefined
      if (!shared) this.looked += server.realServers.length
      if (this.looked > MOST_KEEPALIVED_DESTINATIONS) {
        this.tooMany(head)
        break
      }
      const list = shared ?? destinationsFor(server, member, checked, report)
      last = { member, list }
      this.destinations += list.length
      if (this.destinations > MOST_KEEPALIVED_DESTINATIONS) {
        this.tooMany(head)
        break
      }
      this.services.push({ ...service, destinations: list })
      keys.push(member.key)
    }
    return keys
  }

  /** Told once. */
  private tooMany(head: Word): readonly [] {
    if (!this.full) {
      const description = `more than ${MOST_KEEPALIVED_SERVICES} services, or ${MOST_KEEPALIVED_DESTINATIONS} destinations: the rest is left out`
      this.report.error('too-many-services', description, head.span)
    }
    this.full = true
    return []
  }

  /** Undefined where the library would refuse it, or it is there already. */
  private checked(service: DesiredService, { key, word }: Member, head: Word) {
    const result = validated(() => checkDesiredService(service, 'service'), word.span, this.report)
    if (!result) return undefined
    const id = serviceKeyId(key)
    if (this.made.has(id)) {
      const description = `${id} stands here twice: the first one counts, the kernel has one of it only`
      return this.report.error('duplicate-service', description, word.text === '' ? head.span : word.span)
    }
    this.made.add(id)
    return result.service
  }

  private membersOf(server: VirtualServer): readonly Member[] {
    const { target, statement } = server
    const word = statement.words[1] as Word
    if (target.kind === 'fwmark') return [this.fwmark(target.fwmark, familyOf(server), word, false)]
    if (target.kind === 'group') return this.membersOfGroup(server, target.name, target.word)
    const protocol = this.protocolOf(server)
    if (protocol === undefined) return []
    const { text: address, port, family } = target
    return [{ key: { protocol, address, port }, family, port, fromGroup: false, word }]
  }

  private fwmark(fwmark: number, family: Family, word: Word, fromGroup: boolean): Member {
    if (family === 'ipv6' && this.report.dialect === 'alibaba') {
      this.report.error('fwmark-ipv6', `${this.report.program} has IPv4 fwmark services only`, word.span)
    }
    return { key: { fwmark, family }, family: family === 'ipv6' ? AF_INET6 : 2, port: 0, fromGroup, word }
  }

  private membersOfGroup(server: VirtualServer, name: string, word: Word): readonly Member[] {
    const { report } = this
    const group = this.groups.servers.get(name)
    if (!group) {
      report.error('unknown-group', `there is no virtual_server_group '${name}'`, word.span)
      return []
    }
    const members: Member[] = []
    const own = familyOf(server)
    let protocol: Protocol | undefined
    if (group.entries.some(({ kind }) => kind === 'addresses')) {
      protocol = this.protocolOf(server)
      tellDpvsRange(server, group, report)
    }
    for (const entry of group.entries) {
      if (entry.kind === 'fwmark') {
        members.push(this.fwmark(entry.fwmark, entry.family ?? own, entry.word, true))
        continue
      }
      if (protocol === undefined) continue
      const { range, port } = entry
      for (let number = range.first; number <= range.last; number += BigInt(1)) {
        if (this.asked + members.length >= MOST_KEEPALIVED_SERVICES) {
          this.tooMany(word)
          return members
        }
        const address = formatPacked(addressOfNumber(number, range.family))
        members.push({
          key: { protocol, address, port },
          family: range.family,
          port,
          fromGroup: true,
          word: entry.word,
        })
      }
    }
    if (server.family !== undefined && members.some(({ family }) => familyName(family) !== server.family)) {
      report.error(
        'family-mismatch',
        'the group has entries of another family than ip_family says',
        word.span,
      )
    }
    return members
  }

  /** Never guessed: what the programs take where nothing is said has changed, and in Alibaba's it is nothing at all. */
  private protocolOf({ protocol, statement }: VirtualServer): Protocol | undefined {
    const { report } = this
    const { dialect, program } = report
    if (!protocol) {
      const taken = dialect === 'alibaba' ? 'asks the kernel for protocol 0' : 'takes UDP'
      const description = `no protocol is named: ${program} ${taken}. The service is left out`
      return report.error(
        'missing-protocol',
        description,
        statement.span,
        'Write protocol TCP or protocol UDP.',
      )
    }
    const { text, span } = protocol
    const known = PROTOCOLS.get(text.toUpperCase())
    if (dialect === 'alibaba' && text !== 'TCP' && text !== 'UDP') {
      const description = `${program} takes UDP for every protocol but 'TCP', '${text}' too. The service is left out`
      return report.error('protocol-read-as-udp', description, span, `Write TCP or UDP in capitals.`)
    }
    return (
      known ??
      report.error('unknown-protocol', `'${text}' is no protocol of IPVS: the service is left out`, span)
    )
  }
}
