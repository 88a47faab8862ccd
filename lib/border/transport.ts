import type { InterfaceAddress } from '../model/machine'

/** The text files of IPVS in /proc/net; which of them there are is up to the kernel (abi.md §7.1). */
export type KernelFileName =
  | 'ip_vs'
  | 'ip_vs_app'
  | 'ip_vs_conn'
  | 'ip_vs_conn_sync'
  | 'ip_vs_ext_stats'
  | 'ip_vs_stats'
  | 'ip_vs_stats_percpu'
  | 'ip_vs_status'

/**
 * Text files of the machine around IPVS: /proc/net/tcp, tcp6, fib_trie and if_inet6; /proc/sys/net/ipv4/ip_forward and
 * ipv6/conf/all/forwarding.
 */
export type MachineFileName = 'tcp' | 'tcp6' | 'fib_trie' | 'if_inet6' | 'ipv4_forwarding' | 'ipv6_forwarding'

/** Of an interface: /proc/sys/net/ipv4/conf/NAME/rp_filter, /sys/class/net/NAME/features (2.6.32 only). */
export type InterfaceFileName = 'rp_filter' | 'features'

/** An open text file; it is read from its start to its end. */
export interface KernelFile {
  /** Fills `into` from its start, with fewer bytes than fit as often as not; 0 is the end. One read at a time. */
  read(into: Uint8Array): Promise<number>
  /** Idempotent; a read that runs ends first. */
  close(): void
}

/**
 * The text files and sysctls of the namespace that the sockets are in. What fails rejects with an error that has `code`,
 * `errno` and `syscall`, as those of Node's `fs`: `ENOENT` where this kernel has no such file.
 */
export interface KernelFiles {
  /** Opens one of the text files for reading. */
  open(name: KernelFileName): Promise<KernelFile>
  /** Names in /proc/sys/net/ipv4/vs. */
  listSysctls(): Promise<readonly string[]>
  /** The text of a sysctl. */
  readSysctl(name: string): Promise<string>
  /** Writes the text of a sysctl. */
  writeSysctl(name: string, text: string): Promise<void>
}

/**
 * What the namespace of the sockets shows of the machine. What fails rejects with an error that has `code`, `errno` and
 * `syscall`, as those of Node's `fs`; so does a file of more than 16 MiB (`EFBIG`).
 */
export interface MachineFiles {
  /** The text of a file of the machine. */
  read(name: MachineFileName): Promise<string>
  /** Names, with `all` and `default` (/proc/sys/net/ipv4/conf). */
  listInterfaces(): Promise<readonly string[]>
  /** The text of a file that each interface has. */
  readOfInterface(name: InterfaceFileName, interfaceName: string): Promise<string>
  /** Undefined where the system call tells of another namespace than that of the sockets: the files tell then. */
  listAddresses(): readonly InterfaceAddress[] | undefined
}

/** What decides on which CPU a local address of fullnat-v3 lives (ip_vs_ctl.c:laddr_to_cpuid). */
export interface CpuState {
  /** How many. */
  readonly online: number
  /** The sysctl `reserve_core`: so many CPUs, from 0 on, have no local addresses. */
  readonly reserved: number
}

/**
 * The seam between the library and a kernel. Everything above it (validation, packing, errors, rules) is the same
 * for the real kernel and for a fake one.
 */
export interface Transport {
  /**
   * Executes one packed job (request.ts) and hands each reply to `onReply`, the last one with `more` 0 in its
   * header. It can be called while jobs run: they are executed in the order of the calls. Rejects only when the transport
   * itself is broken; operations fail by their outcomes. The request must not be written to, and may be reused when the
   * promise has settled.
   */
  run(request: ArrayBuffer, onReply: (reply: ArrayBuffer) => void): Promise<void>
  readonly files: KernelFiles
  /** Undefined: this transport knows nothing of a machine. */
  readonly machine?: MachineFiles | undefined
  /** Read right before local addresses are added on fullnat-v3; undefined where it cannot be told. */
  readCpuState(): CpuState | undefined
  /** Idempotent; a running job ends first. */
  close(): void
}
