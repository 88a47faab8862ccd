/** What a call of `ipvs.sysctl` does with the files of the kernel. */

import type { KernelFiles } from '../border/transport'
import type { ClientLimits } from '../dispatch/within-limits'
import { withinLimits } from '../dispatch/within-limits'
import { outOfRange } from '../errors/argument-errors'
import type { IpvsErrorCode } from '../errors/ipvs-error'
import { IpvsError, IpvsErrorCodes, ownError } from '../errors/ipvs-error'
import { closestName } from '../input/properties'
import type { FileError } from '../kernel/file-error'
import { fileProblem, PROC_SYSCTL } from '../kernel/file-error'
import { SYSCTLS, sysctlAvailability, sysctlFacts } from '../kernel/sysctls'
import { formatSysctl, keepsSysctl, parseSysctl } from '../kernel/sysctls/values'
import type { LocalPortRange, SysctlValue } from '../model/sysctls'
import type { FileClient } from './file-call'
import type { Context } from './operation'
import type { Turns } from './turns'

/** What an errno of a write says of the value (kernel/sysctl.c; lib/bitmap.c:bitmap_parselist). */
const VALUE_ERRORS: readonly (string | undefined)[] = ['EINVAL', 'ERANGE', 'EOVERFLOW']

const pathOf = (name: string) => `${PROC_SYSCTL}/${name}`
const codeOf = (error: unknown) => (error as Partial<FileError>).code

export const meantSysctl = (name: string): string | undefined => closestName(name, Object.keys(SYSCTLS))

/** Of the library itself; what was begun goes on. */
const GIVEN_UP: readonly unknown[] = [IpvsErrorCodes.TIMEOUT, IpvsErrorCodes.ABORT, IpvsErrorCodes.CLOSED]

export class SysctlCall {
  /** The kernel may have seen a write of this call. */
  private sent = false

  constructor(
    private readonly client: FileClient,
    readonly operation: string,
    readonly limits: ClientLimits,
    readonly context: Context,
  ) {}

  /** In the order of the alphabet. */
  async names(): Promise<string[]> {
    const names = await this.step((files) => files.listSysctls()).catch((error) => {
      throw this.problem(error, 'read', PROC_SYSCTL)
    })
    if (names.length > 0) return Array.from(names).sort()
    throw ownError(IpvsErrorCodes.UNSUPPORTED, {
      operation: this.operation,
      file: PROC_SYSCTL,
      description: `${PROC_SYSCTL} is empty`,
      hint: '/proc may be masked (containers do it), or this is the namespace of an unprivileged user, who is shown none.',
    })
  }

  async read(name: string): Promise<SysctlValue> {
    const text = await this.step((files) => files.readSysctl(name)).catch((error) => {
      throw codeOf(error) === 'ENOENT' ? this.absent(error, name) : this.problem(error, 'read', pathOf(name))
    })
    const value = parseSysctl(sysctlFacts(name), text)
    if (value !== undefined) return value
    throw ownError(IpvsErrorCodes.MALFORMED_FILE, {
      operation: this.operation,
      description: `${pathOf(name)} does not say what it says on other kernels`,
      file: pathOf(name),
      line: 1,
      text: text.slice(0, 200),
    })
  }

  async localPorts(): Promise<LocalPortRange> {
    const min = (await this.read('fullnat_lport_min')) as number
    const max = (await this.read('fullnat_lport_max')) as number
    return { min, max }
  }

  /** Resolves to what the kernel holds then. */
  async write(name: string, value: SysctlValue, turns: Turns): Promise<SysctlValue> {
    const text = formatSysctl(value)
    const write = (files: KernelFiles) => {
      this.sent = true
      return turns.hold(files.writeSysctl(name, text))
    }
    await this.step(write, 'write').catch((error) => {
      throw this.writeProblem(error, name, value)
    })
    const held = await this.read(name)
    if (keepsSysctl(sysctlFacts(name), value, held)) return held
    throw ownError(IpvsErrorCodes.VALUE_NOT_KEPT, {
      operation: this.operation,
      description: `${name} is ${formatSysctl(held)} after ${text} was written`,
      file: pathOf(name),
      sent: true,
    })
  }

  /** One look at the kernel, or one write; each may take as long as `timeout`. A write that was sent outlives the client. */
  private async step<T>(
    start: (files: KernelFiles) => Promise<T>,
    access: 'read' | 'write' = 'read',
  ): Promise<T> {
    const { operation, limits } = this
    const { timeout, signal, closing } = limits
    try {
      if (closing.closed) throw ownError(IpvsErrorCodes.CLOSED)
      const until = access === 'write' ? { timeout, signal } : limits
      return await withinLimits(() => start(this.client.transport.files), until, operation)
    } catch (error) {
      const { code, cause } = error as IpvsError
      if (!GIVEN_UP.includes(code)) throw error
      throw ownError(code as IpvsErrorCode, { operation, sent: this.sent, cause })
    }
  }

  private problem(cause: unknown, access: 'read' | 'write', path: string): unknown {
    const { dialect } = this.context.capabilities
    return fileProblem(cause, { operation: this.operation, dialect, access, path })
  }

  /** There is no such file. */
  private absent(cause: unknown, name: string): IpvsError {
    const facts = sysctlFacts(name)
    const meant = facts ? undefined : meantSysctl(name)
    const unknown = meant ? `Did you mean ${meant}?` : 'sysctl.list() has those that there are.'
    const { errno, syscall } = cause as FileError
    return new IpvsError({
      code: IpvsErrorCodes.UNSUPPORTED,
      errno,
      syscall,
      description: `this kernel has no sysctl ${name}, or hides it`,
      hint: facts
        ? `It is there on: ${sysctlAvailability(facts)}. ip_vs may be unloaded, or /proc masked.`
        : unknown,
      operation: this.operation,
      file: pathOf(name),
      cause,
    })
  }

  private writeProblem(cause: unknown, name: string, value: SysctlValue): unknown {
    const code = codeOf(cause)
    if (VALUE_ERRORS.includes(code)) {
      const range = `what this kernel takes for ${name} (it says ${code})`
      return Object.assign(outOfRange('value', range, value), { cause })
    }
    if (code === 'ENOENT') return this.absent(cause, name)
    return this.problem(cause, 'write', pathOf(name))
  }
}
