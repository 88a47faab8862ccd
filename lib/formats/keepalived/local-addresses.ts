/** `laddr_group_name`: local addresses of FULLNAT services. */

import { rangeSize } from '../../model/address-range'
import { methodOf } from './destinations'
import type { ServerGroup } from './groups'
import type { Report } from './report'
import type { Member } from './services'
import type { VirtualServer } from './virtual-server'
import type { Word } from './words'

const usesFullnat = ({ realServers, method }: VirtualServer): boolean =>
  method?.forwarding === 'fullnat' ||
  realServers.some((real) => methodOf(real, method).forwarding === 'fullnat')

/** What the service has: its pool, or no opinion. */
export function localAddressesOf(
  server: VirtualServer,
  known: ReadonlySet<string>,
  members: readonly Member[],
  report: Report,
): { readonly pool: string } | undefined {
  const { localGroup, statement } = server
  const head = statement.words[0] as Word
  const fullnat = usesFullnat(server)
  if (fullnat && members.some(({ key }) => key.fwmark !== undefined)) {
    report.warn(
      'fwmark-fullnat',
      'FULLNAT does not work with fwmark services',
      (statement.words[1] ?? head).span,
    )
  }
  if (!localGroup) {
    if (fullnat) {
      const description =
        'FNAT without laddr_group_name: every packet of a service without local addresses is lost'
      report.warn('fullnat-without-local-addresses', description, head.span)
    }
    return undefined
  }
  const { text, span } = localGroup
  if (!fullnat) {
    const later =
      report.dialect === 'alibaba' ? ' when it starts, and adds them when it reads its file again' : ''
    report.warn(
      'local-addresses-unused',
      `without FNAT ${report.program} leaves local addresses out${later}`,
      span,
    )
    return undefined
  }
  if (!known.has(text))
    return report.error('unknown-group', `there is no local_address_group '${text}'`, span)
  return { pool: text }
}

/**
 * dpvs keeps the length of a range, and compares it with the last byte where it adds local addresses (ipvswrapper.c:
 * ipvs_laddr_range_cmd of dpvs).
 */
export function tellDpvsRange({ localGroup }: VirtualServer, group: ServerGroup, report: Report): void {
  if (!localGroup || report.dialect !== 'dpvs') return
  for (const entry of group.entries) {
    if (entry.kind !== 'addresses') continue
    const difference = Number(rangeSize(entry.range)) - 1
    const start = Number(entry.range.first & BigInt(255))
    if (difference === 0 || (start === 0 && difference < 255)) continue
    const made =
      difference >= 255
        ? 'never ends adding local addresses to this range'
        : start > difference
          ? 'adds no local addresses to this range'
          : `adds local addresses up to ${difference} in the last byte only`
    report.warn('local-addresses-of-range', `${report.program} ${made}`, entry.word.span)
  }
}
