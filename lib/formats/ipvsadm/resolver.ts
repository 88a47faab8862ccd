/** Names are looked up by the caller, or not at all: this code does no I/O, and a name can mean another address tomorrow. */

export interface RulesResolver {
  /** An IPv4 address of a host, as ipvsadm looks for no other (ipvsadm.c:host_to_addr); undefined where there is none. */
  readonly host?: ((name: string) => string | undefined) | undefined
  /** The port of a service, as /etc/services has it; undefined where there is none. */
  readonly service?: ((name: string, protocol: string | undefined) => number | undefined) | undefined
}
