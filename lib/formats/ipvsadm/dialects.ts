/** The four ipvsadm programs that rules are written for, and how they differ beside their options. */

/**
 * `'mainline'`: ipvsadm 1.25–1.31. `'alibaba-v2'` and `'alibaba-v3'`: alibaba/LVS, branches lvs_v2 (lvs_v1 is the same) and
 * master. `'dpvs'`: iqiyi/dpvs.
 */
export type RulesDialect = 'mainline' | 'alibaba-v2' | 'alibaba-v3' | 'dpvs'

export interface DialectFacts {
  /**
   * -E keeps what is not named (libipvs.c:ipvs_update_service_by_options); mainline's replaces the service
   * (ipvs_update_service), so that what is not named goes back to its default.
   */
  readonly editMerges: boolean
  /** -P and -Q. */
  readonly localAddresses: boolean
  /**
   * -S prints local addresses: those of address services with IPv4, right (ipvsadm.c:print_laddrs_rules). What no save of a
   * dialect keeps is no opinion in the state that its rules make, unless a rule names it.
   */
  readonly savesLocalAddresses: boolean
  /** -S prints ` -j enable` or ` -j disable` with every service (ipvsadm.c:print_service_entry). */
  readonly savesSynproxy: boolean
  /** -b is --fullnat, without an argument. */
  readonly fullnat: boolean
  readonly synproxy: boolean
  /** The option that sets `establishedTimeout`. */
  readonly establishedTimeout: string | undefined
  readonly sctp: boolean
  /** -b is --sched-flags, and there are --pe and --tun-type. */
  readonly mainlineOptions: boolean
  /** -S prints words that -R refuses: `pe NAME`, `ops` (ipvsadm.c:print_service_entry). */
  readonly bareWords: boolean
  /** ipvsadm.c:DEF_MCAST_IFN */
  readonly daemonInterface: string
}

const MAINLINE: DialectFacts = {
  editMerges: false,
  localAddresses: false,
  savesLocalAddresses: false,
  savesSynproxy: false,
  fullnat: false,
  synproxy: false,
  establishedTimeout: undefined,
  sctp: true,
  mainlineOptions: true,
  bareWords: false,
  daemonInterface: 'eth0',
}

const ALIBABA_V2: DialectFacts = {
  ...MAINLINE,
  editMerges: true,
  localAddresses: true,
  fullnat: true,
  synproxy: true,
  sctp: false,
  mainlineOptions: false,
  bareWords: true,
}

export const DIALECT_FACTS: Readonly<Record<RulesDialect, DialectFacts>> = {
  mainline: MAINLINE,
  'alibaba-v2': ALIBABA_V2,
  'alibaba-v3': {
    ...ALIBABA_V2,
    savesLocalAddresses: true,
    savesSynproxy: true,
    establishedTimeout: '-V',
  },
  dpvs: {
    ...ALIBABA_V2,
    establishedTimeout: '--conn-timeout',
    sctp: true,
    bareWords: false,
    daemonInterface: 'dpdk0',
  },
}

export const RULES_DIALECTS = Object.keys(DIALECT_FACTS) as readonly RulesDialect[]
