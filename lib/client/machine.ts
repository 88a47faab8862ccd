/** The machine around IPVS, as the kernel shows it: what a doctor looks at. */

import type { MachineFileName, MachineFiles } from '../border/transport'
import { withinLimits } from '../dispatch/within-limits'
import { IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import { isFullnat } from '../kernel/capabilities'
import type { FileError } from '../kernel/file-error'
import type {
  InterfaceAddress,
  MachineInfo,
  MachineInterface,
  MachinePart,
  MachineSocket,
  UnreadPart,
} from '../model/machine'
import { parseNumberFile } from '../procfs/number-file'
import { parseIpv6Addresses, parseLocalRoutes } from '../procfs/own-addresses'
import { parseSockets } from '../procfs/sockets'
import type { FileCall, FileClient } from './file-call'

/** NETIF_F_IPV6_CSUM (2.6.32 include/linux/netdevice.h). */
const IPV6_CSUM = 16

const NO_INTERFACES: readonly string[] = ['all', 'default']

const absent = (error: unknown): boolean => (error as Partial<FileError>).code === 'ENOENT'

/** The caller gave up, or closed the client: that is no finding. */
const GIVEN_UP: readonly unknown[] = [IpvsErrorCodes.ABORT, IpvsErrorCodes.CLOSED]

class MachineReader {
  private readonly unread: UnreadPart[] = []

  constructor(
    private readonly call: FileCall,
    private readonly transport: FileClient['transport'],
  ) {}

  async read(): Promise<MachineInfo> {
    const { transport, unread } = this
    const { machine } = transport
    if (!machine) {
      throw ownError(IpvsErrorCodes.UNSUPPORTED, {
        operation: this.call.operation,
        description: 'this transport knows nothing of the machine',
        hint: 'Its property machine reads the files of the machine: see MachineFiles.',
      })
    }
    const addresses = await this.part('addresses', () => this.addresses(machine))
    const localNetworks = await this.part('localNetworks', () => this.localNetworks(machine))
    const interfaces = await this.part('interfaces', () => this.interfaces(machine))
    const forwarding = await this.part('forwarding', () => this.forwarding(machine))
    const sockets = await this.part('sockets', () => this.sockets(machine))
    const cpus = await this.part('cpus', async () => this.cpus())
    return { addresses, localNetworks, interfaces, forwarding, sockets, cpus, unread }
  }

  private async part<T>(part: MachinePart, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      const { code, message } = error as FileError
      if (code === undefined || GIVEN_UP.includes(code)) throw error
      this.unread.push({ part, code, message })
      return undefined
    }
  }

  private step<T>(start: () => Promise<T>): Promise<T> {
    const { call } = this
    return withinLimits(start, call.limits, call.operation)
  }

  private number(text: string, file: string): number {
    return parseNumberFile(text, { file, operation: this.call.operation })
  }

  private text(machine: MachineFiles, name: MachineFileName): Promise<string> {
    return this.step(() => machine.read(name))
  }

  /** Undefined where there is no such file. */
  private async textIfAny(machine: MachineFiles, name: MachineFileName): Promise<string | undefined> {
    try {
      return await this.text(machine, name)
    } catch (error) {
      if (absent(error)) return undefined
      throw error
    }
  }

  private async addresses(machine: MachineFiles): Promise<readonly InterfaceAddress[]> {
    const listed = machine.listAddresses()
    if (listed) return listed
    const { operation } = this.call
    const ipv4 = parseLocalRoutes(await this.text(machine, 'fib_trie'))
      .filter((network) => network.endsWith('/32'))
      .map((network) => ({ address: network.slice(0, -3), prefix: 32, interface: undefined }))
    const ipv6 = await this.textIfAny(machine, 'if_inet6')
    if (ipv6 === undefined) return ipv4
    return [...ipv4, ...parseIpv6Addresses(ipv6, { file: '/proc/net/if_inet6', operation })]
  }

  /** 2.6.32 of the shipped configuration keeps its routes in a hash (CONFIG_IP_FIB_HASH), which lists no local ones. */
  private async localNetworks(machine: MachineFiles): Promise<readonly string[] | undefined> {
    const fullnat = isFullnat(this.call.capabilities.dialect)
    const text = fullnat ? await this.textIfAny(machine, 'fib_trie') : await this.text(machine, 'fib_trie')
    return text === undefined
      ? undefined
      : parseLocalRoutes(text).filter((network) => !network.endsWith('/32'))
  }

  private async interfaces(machine: MachineFiles): Promise<readonly MachineInterface[]> {
    const names = await this.step(() => machine.listInterfaces())
    const reversePath = async (name: string) =>
      this.number(
        await this.step(() => machine.readOfInterface('rp_filter', name)),
        `/proc/sys/net/ipv4/conf/${name}/rp_filter`,
      )
    const all = await this.part('interfaces', () => reversePath('all'))
    const found: MachineInterface[] = []
    for (const name of Array.from(names).sort()) {
      if (NO_INTERFACES.includes(name)) continue
      const own = await this.part('interfaces', () => reversePath(name))
      found.push({
        name,
        reversePathFilter: own === undefined || all === undefined ? undefined : Math.max(own, all),
        ipv6Checksums: await this.part('interfaces', () => this.ipv6Checksums(machine, name)),
      })
    }
    return found
  }

  private async ipv6Checksums(machine: MachineFiles, name: string): Promise<boolean | undefined> {
    if (!isFullnat(this.call.capabilities.dialect)) return undefined
    const text = await this.step(() => machine.readOfInterface('features', name))
    const features = this.number(text, `/sys/class/net/${name}/features`)
    return (features & IPV6_CSUM) !== 0
  }

  private async forwarding(machine: MachineFiles): Promise<MachineInfo['forwarding']> {
    const isOn = (text: string, file: string) => this.number(text, `/proc/sys/net/${file}`) !== 0
    const ipv4 = isOn(await this.text(machine, 'ipv4_forwarding'), 'ipv4/ip_forward')
    const ipv6 = await this.textIfAny(machine, 'ipv6_forwarding')
    return { ipv4, ipv6: ipv6 === undefined ? undefined : isOn(ipv6, 'ipv6/conf/all/forwarding') }
  }

  private async sockets(machine: MachineFiles): Promise<readonly MachineSocket[]> {
    const { operation } = this.call
    const ipv4 = parseSockets(await this.text(machine, 'tcp'), { file: '/proc/net/tcp', operation })
    const text = await this.textIfAny(machine, 'tcp6')
    return text === undefined ? ipv4 : [...ipv4, ...parseSockets(text, { file: '/proc/net/tcp6', operation })]
  }

  private cpus(): MachineInfo['cpus'] {
    const { capabilities, operation } = this.call
    if (!capabilities.perCpuLocalAddresses) return undefined
    const state = this.transport.readCpuState()
    if (state) return state
    throw ownError(IpvsErrorCodes.UNSUPPORTED, {
      operation,
      description: 'the CPUs of this machine cannot be told: /sys or /proc/sys is not readable',
    })
  }
}

export const machineReading =
  (transport: FileClient['transport']) =>
  (call: FileCall): Promise<MachineInfo> =>
    new MachineReader(call, transport).read()
