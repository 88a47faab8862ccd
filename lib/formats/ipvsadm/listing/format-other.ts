/** Connections, local addresses, timeouts and daemons as ipvsadm prints them. */

import type { ConnectionInfo, Endpoint } from '../../../model/observed'
import type { DaemonInfo, SnapshotService, Timeouts } from '../../../model/types'
import { endpointText } from '../service-line'

const left = (value: string | number | bigint, width: number): string => String(value).padEnd(width)

export interface FormatConnectionsOptions {
  /** The column that ipvsadm lacks on FULLNAT kernels, before that of the destination. Default false. */
  readonly localAddresses?: boolean | undefined
  /** --persistent-conn. Default false. */
  readonly engines?: boolean | undefined
}

const cells = (
  [protocol, expire, state, client, virtual, local, destination, engine, data]: readonly (
    | string
    | undefined
  )[],
  { localAddresses = false, engines = false }: FormatConnectionsOptions,
): string => {
  const first = `${left(protocol ?? '', 3)} ${left(expire ?? '', 6)} ${left(state ?? '', 11)}`
  const between = localAddresses ? ` ${left(local ?? '-', 18)}` : ''
  const endpoints = `${left(client ?? '', 18)} ${left(virtual ?? '', 18)}${between}`
  const last = engines
    ? `${left(destination ?? '', 18)} ${left(engine ?? '', 16)} ${data ?? ''}`
    : destination
  return `${first} ${endpoints} ${last}\n`
}

/** The two lines above the rows (ipvsadm.c:list_conn). */
export const connectionTitles = (options: FormatConnectionsOptions): string =>
  `IPVS connection entries\n${cells(
    ['pro', 'expire', 'state', 'source', 'virtual', 'local', 'destination', 'pe name', 'pe_data'],
    options,
  )}`

const endpoint = ({ address, port }: Endpoint): string => endpointText(address, port)

/** A firewall mark stands where its template has no address (ip_vs_core.c:ip_vs_sched_persist). */
const markText = (mark: number): string =>
  endpointText([24, 16, 8, 0].map((shift) => (mark >>> shift) & 255).join('.'), 0)

/** One row (ipvsadm.c:print_conn), with the state that the kernel means. */
export function connectionRow(one: ConnectionInfo, options: FormatConnectionsOptions): string {
  const minutes = Math.floor(one.expires / 60)
  const two = (value: number) => String(value).padStart(2, '0')
  const { protocol, virtual, engine } = one
  return cells(
    [
      typeof protocol === 'number' ? `IP_${protocol}` : protocol.toUpperCase(),
      `${two(minutes)}:${two(one.expires % 60)}`,
      one.state.toUpperCase().replace(/-/g, '_'),
      endpoint(one.client),
      virtual ? endpoint(virtual) : markText(one.fwmark ?? 0),
      one.localAddress && endpoint(one.localAddress),
      endpoint(one.destination),
      engine?.name,
      engine?.data,
    ],
    options,
  )
}

/**
 * -G (ipvsadm.c:list_laddrs_print_service). What it prints wrongly is right here: IPv6 local addresses, and marks, which it calls
 * 0.0.0.0:0.
 */
export function formatLocalAddresses(services: readonly SnapshotService[]): string {
  const title = `${left('VIP:VPORT', 20)} ${left('TOTAL', 8)} ${left('SNAT_IP', 20)} ${left('CONFLICTS', 10)} ${left('CONNS', 10)}\n`
  const rows = services.map(({ service, localAddresses }) => {
    const name =
      service.fwmark === undefined
        ? endpointText(service.address, service.port)
        : `FWM ${service.fwmark}${service.family === 'ipv6' ? ' IPv6' : ''}`
    const own = localAddresses.map(
      ({ address, portConflicts, connections }) =>
        `${' '.repeat(30)}${left(address, 20)} ${left(portConflicts, 10)} ${left(connections, 10)}\n`,
    )
    return `${left(name, 20)} ${left(localAddresses.length, 8)} \n${own.join('')}`
  })
  return `${title}${rows.join('')}`
}

/** ipvsadm.c:list_timeout */
export const formatTimeouts = ({ tcp, tcpFin, udp }: Timeouts): string =>
  `Timeout (tcp tcpfin udp): ${tcp} ${tcpFin} ${udp}\n`

/** ipvsadm.c:list_daemon; nothing where none runs. */
export function formatDaemons(daemons: readonly DaemonInfo[]): string {
  const order = { master: 0, backup: 1 } as const
  return [...daemons]
    .sort((x, y) => order[x.state] - order[y.state])
    .map((daemon) => {
      const more = [
        ['maxlen', daemon.syncMaxLength],
        ['group', daemon.multicastGroup],
        ['port', daemon.multicastPort],
        ['ttl', daemon.multicastTtl],
      ]
        .filter(([, value]) => value)
        .map(([name, value]) => `, ${name}=${value}`)
      return `${daemon.state} sync daemon (mcast=${daemon.interface}, syncid=${daemon.syncId}${more.join('')})\n`
    })
    .join('')
}
