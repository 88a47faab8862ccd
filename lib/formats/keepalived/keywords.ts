/** Which keywords the programs know, by block (check_parser.c:init_check_keywords and the like of each fork). */

import type { KeepalivedDialect } from './dialects'
import type { IgnoredSetting } from './types'

type Words = ReadonlySet<string>
type ByDialect = Readonly<Record<KeepalivedDialect, Words>>

const words = (...lists: readonly string[]): Words => new Set(lists.join(' ').split(/\s+/).filter(Boolean))

const CHECK_DEFAULTS = 'retry delay_before_retry warmup connect_timeout delay_loop'
const OLD_SERVICE = `delay_loop lb_algo lvs_sched lb_kind lvs_method persistence_timeout persistence_granularity protocol
  ha_suspend virtualhost alpha omega quorum_up quorum_down quorum hysteresis sorry_server real_server`
const NEW_SERVICE = `${OLD_SERVICE} ${CHECK_DEFAULTS} ip_family inhibit_on_failure hashed ops flag-1 flag-2 flag-3 sh-port
  sh-fallback mh-port mh-fallback persistence_engine smtp_alert weight sorry_server_inhibit sorry_server_lvs_method`
const OF_FULLNAT = 'laddr_group_name syn_proxy vip_bind_dev'

export const SERVICE_KEYWORDS: ByDialect = {
  mainline: words(NEW_SERVICE, 'snmp_name'),
  alibaba: words(OLD_SERVICE, OF_FULLNAT, 'nat_mask est_timeout'),
  dpvs: words(
    NEW_SERVICE,
    OF_FULLNAT,
    `establish_timeout proxy_protocol bps limit_proportion src-range dst-range oif iif hash_target daddr_group_name
     waddr_group_name expire_quiescent_conn quic`,
  ),
}

const OLD_REAL_SERVER = 'weight uthreshold lthreshold inhibit_on_failure notify_up notify_down'
const NEW_REAL_SERVER = `${OLD_REAL_SERVER} ${CHECK_DEFAULTS} lvs_method alpha smtp_alert virtualhost`

export const REAL_SERVER_KEYWORDS: ByDialect = {
  mainline: words(NEW_REAL_SERVER, 'snmp_name'),
  alibaba: words(OLD_REAL_SERVER),
  dpvs: words(NEW_REAL_SERVER),
}

const OLD_CHECKERS = 'TCP_CHECK HTTP_GET SSL_GET SMTP_CHECK MISC_CHECK'

export const CHECKERS: ByDialect = {
  mainline: words(OLD_CHECKERS, 'DNS_CHECK UDP_CHECK PING_CHECK FILE_CHECK BFD_CHECK'),
  alibaba: words(OLD_CHECKERS),
  dpvs: words(OLD_CHECKERS, 'DNS_CHECK UDP_CHECK BFD_CHECK'),
}

/** Words of checkers, of whichever: a check that has another one is read all the same. */
const OLD_CHECKER_WORDS = `connect_ip connect_port bindto connect_timeout nb_get_retry retry delay_before_retry url path digest
  status_code misc_path misc_timeout misc_dynamic helo_name host`
const NEW_CHECKER_WORDS = `${OLD_CHECKER_WORDS} bind_port bind_if fwmark warmup delay_loop alpha log_all_failures name type
  track_file weight virtualhost http_protocol enable_sni sni_name fast_recovery tls_compliant regex regex_no_match
  regex_options regex_min_offset regex_max_offset regex_stack user payload require_reply min_reply_length
  max_reply_length reply`

export const CHECKER_WORDS: ByDialect = {
  mainline: words(NEW_CHECKER_WORDS),
  alibaba: words(OLD_CHECKER_WORDS),
  dpvs: words(NEW_CHECKER_WORDS),
}

/** Settings for the checkers of a block, kept as they stand. */
export const CHECKER_DEFAULTS: Words = words(CHECK_DEFAULTS, 'virtualhost')

const of = (reason: IgnoredSetting['reason'], list: string) =>
  list.split(/\s+/).map((word): [string, IgnoredSetting['reason']] => [word, reason])

type Reasons = ReadonlyMap<string, IgnoredSetting['reason']>

/** Keywords of services and real servers that mean nothing for IPVS. */
export const UNUSED_SETTINGS: Reasons = new Map([
  ...of('notification', 'smtp_alert snmp_name'),
  ...of('vrrp', 'ha_suspend vip_bind_dev'),
  ...of('unused', 'nat_mask'),
  ...of(
    'dpvs',
    `proxy_protocol bps limit_proportion src-range dst-range oif iif hash_target daddr_group_name waddr_group_name
     expire_quiescent_conn quic`,
  ),
])

const OLD_ROOT: Reasons = new Map([
  ...of('certificates', 'SSL'),
  ...of(
    'vrrp',
    'static_ipaddress static_routes vrrp_sync_group vrrp_instance vrrp_script linkbeat_use_polling',
  ),
])
const NEW_ROOT: Reasons = new Map([
  ...OLD_ROOT,
  ...of(
    'vrrp',
    'static_rules track_group garp_group linkbeat_interfaces vrrp_track_file vrrp_track_process bfd_instance',
  ),
  ...of('vrrp', 'track_file track_process interface_up_down_delays'),
  ...of('process', 'namespace_with_ipsets use_pid_dir child_wait_time config_save_dir instance'),
])

/** Blocks and words at the top that mean nothing for IPVS. */
export const IGNORED_ROOT: Readonly<Record<KeepalivedDialect, Reasons>> = {
  mainline: NEW_ROOT,
  alibaba: OLD_ROOT,
  dpvs: new Map([...NEW_ROOT, ...of('dpvs', 'deny_address_group allow_address_group tunnel_group')]),
}

/** Words of `global_defs`, the first that fits. `nftables_ipvs` and what is IPVS's own are not among them. */
const GLOBAL_REASONS: readonly (readonly [IgnoredSetting['reason'], RegExp])[] = [
  ['notification', /^(?:router_id|notification_email(?:_from)?|smtp_.+|no_(?:email_faults|checker_emails))$/],
  [
    'notification',
    /^(?:snmp_.+|enable_(?:traps|snmp_.+|dbus)|dbus_.+|(?:lvs_)?notify_fifo(?:_script)?|fifo_write_.+)$/,
  ],
  ['vrrp', /^(?:vrrp_.+|bfd_.+|nftables(?:_priority|_ifindex|_counters)?|nftables_ipvs_priority|vmac_.+)$/],
  [
    'vrrp',
    /^(?:dynamic_interfaces|default_interface|disable_local_igmp|v3_checksum_as_v2|log_unknown_vrids)$/,
  ],
  ['vrrp', /^(?:max_auto_priority|min_auto_priority_delay)$/],
  [
    'process',
    /^(?:checker_.+|lvs_(?:netlink_.+|process_name|flush(?:_on_?stop)?)|process_.+|startup_.+|shutdown_.+)$/,
  ],
  [
    'process',
    /^(?:script_user|enable_script_security|use_symlink_paths|set_supplementary_groups|rs_init_notifies)$/,
  ],
  [
    'process',
    /^(?:umask|random_seed|reload_.+|include_check|config_save_dir|tmp_config_directory|data_use_instance)$/,
  ],
  ['process', /^(?:json_.+|iproute_(?:usr|etc)_dir|state_dump_file|stats_dump_file)$/],
  // Words of the top that many files have here.
  ['process', /^(?:net_namespace(?:_ipvs)?|instance|use_pid_dir|child_wait_time|namespace_with_ipsets)$/],
]
const OLD_GLOBAL: ReadonlyMap<string, IgnoredSetting['reason']> = new Map([
  ...of(
    'notification',
    'router_id notification_email_from smtp_server smtp_connect_timeout notification_email',
  ),
  ...of('process', 'plugin_dir'),
])

/** Why a word of `global_defs` means nothing for IPVS; undefined where the program does not know it. */
export function globalReason(word: string, dialect: KeepalivedDialect): IgnoredSetting['reason'] | undefined {
  if (dialect === 'alibaba') return OLD_GLOBAL.get(word)
  return GLOBAL_REASONS.find(([, pattern]) => pattern.test(word))?.[0]
}
