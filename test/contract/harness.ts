// What the contract suite knows about the kernel under test: a client, its capabilities, how to start over. Nothing
// here names a kernel, so that a fake one runs the same suite.

import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import type { Capabilities, Dialect, Ipvs, IpvsError, KernelFileName, Transport } from '../../lib'

export interface HarnessOpenOptions {
  /** Puts something of the test between the library and the kernel. */
  readonly wrap?: (inner: Transport) => Transport
  readonly force?: boolean
  readonly timeout?: number
}

export interface Harness {
  /** The interface to the kernel, in the titles of the tests. */
  readonly name: string
  readonly dialect: Dialect
  /** Release of Linux, `'6.1.0-56-amd64'`; undefined for a fake kernel, which has what any release has. */
  readonly release: string | undefined
  /** Those of the clients that `open` resolves to. */
  readonly capabilities: Capabilities
  /** Schedulers that this kernel was built with; `capabilities.schedulers` can name more. */
  readonly schedulers: readonly string[]
  /** CPUs that are online. */
  readonly cpus: number
  /** Addresses of the director itself, beside 127.0.0.1 and ::1. */
  readonly own: { readonly ipv4: string; readonly ipv6: string }
  /** An interface that a sync daemon can use. */
  readonly interface: string
  /** A client over the interface under test. */
  open(options?: HarnessOpenOptions): Promise<Ipvs>
  /** A client over the interface that can do most: tests prepare and look with it. */
  openFull(): Promise<Ipvs>
  /** What a file of the kernel in /proc/net says; rejects where it has none. */
  readProcNet(name: KernelFileName): Promise<string>
  /** An empty table, timeouts as they were. */
  reset(): Promise<void>
}

export interface World {
  /** The client under test. */
  readonly ipvs: Ipvs
  /** Prepares and looks. */
  readonly full: Ipvs
}

/** Two clients for the tests of a describe block, each test on an empty table. */
export function useWorld(harness: Harness): World {
  let ipvs: Ipvs | undefined
  let full: Ipvs | undefined
  const opened = (client: Ipvs | undefined): Ipvs => {
    if (!client) throw new Error('the client is opened in beforeAll')
    return client
  }
  beforeAll(async () => {
    ipvs = await harness.open()
    full = await harness.openFull()
  })
  beforeEach(() => harness.reset())
  afterAll(async () => {
    await harness.reset()
    await ipvs?.close()
    await full?.close()
  })
  return {
    get ipvs() {
      return opened(ipvs)
    },
    get full() {
      return opened(full)
    },
  }
}

/** What the promise rejects with; fails when it resolves. */
export async function rejection<E extends Error = IpvsError>(promise: Promise<unknown>): Promise<E> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error as E
  }
  throw new Error(`expected a rejection, but it resolved to ${String(value)}`)
}

export interface Failure {
  readonly code: string
  readonly operation: string
  /** Negative; left out where it is one of our own codes. */
  readonly errno?: number
  /** What the message says between code and operation; a regular expression where it may go on. */
  readonly says?: string | RegExp
  /** The end of the message: what it was about. */
  readonly about?: string
  readonly service?: unknown
  readonly destination?: unknown
  readonly localAddress?: string
  readonly sent?: boolean
}

/** The rejection is an `IpvsError` with everything that design.md promises of one. */
export async function expectFailure(promise: Promise<unknown>, wanted: Failure): Promise<IpvsError> {
  const error = await rejection(promise)
  const { code, operation, says, about = '', ...rest } = wanted
  expect({ name: error.name, code: error.code, message: error.message }).toMatchObject({
    name: code === 'ABORT_ERR' ? 'AbortError' : 'IpvsError',
    code,
  })
  expect(error).toMatchObject({ operation, ...rest })
  expect(error.message.startsWith(`${code}: `)).toBe(true)
  const tail = `, ${operation}${about === '' ? '' : ` ${about}`}`
  expect(error.message.slice(-tail.length)).toBe(tail)
  const description = error.message.slice(code.length + 2, -tail.length)
  if (says instanceof RegExp) expect(description).toMatch(says)
  else if (says !== undefined) expect(description).toBe(says)
  else expect(description).not.toBe('')
  if (code !== 'ABORT_ERR') expect(error.hint).toMatch(/\S+ \S+.*\.$/)
  if (wanted.errno !== undefined) expect(error.syscall).toMatch(/^(sendmsg|setsockopt|getsockopt)$/)
  return error
}

/** Refused by a rule of the library, before anything is sent. */
export const expectUnsupported = (promise: Promise<unknown>, wanted: Omit<Failure, 'code' | 'sent'>) =>
  expectFailure(promise, { code: 'ERR_IPVS_UNSUPPORTED', sent: false, ...wanted })

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

export const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
export const DNS = { protocol: 'udp', address: '192.0.2.1', port: 53 } as const
/** An address that no service of any test has. */
export const NOWHERE = { protocol: 'tcp', address: '192.0.2.254', port: 9 } as const

export const real = (address: string, port = 8080) => ({ address, port, forwarding: 'masquerade' }) as const
