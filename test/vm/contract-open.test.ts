// Opening a client: transports, network namespaces, privilege. What only a real kernel has.

import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ipvs as Client, OpenOptions } from '../../lib'
import { expectFailure, real, rejection, WEB } from '../contract/harness'
import { Namespace, openAs } from './support/children'
import { kernelHarness } from './support/kernel'
import { library, PATIENT } from './support/library'

const { Ipvs } = library
const harness = await kernelHarness('netlink')
const separate = harness.capabilities.networkNamespaces
const openPatiently = (options: OpenOptions) => Ipvs.open({ ...PATIENT, ...options })
const expected = process.env.IPVS_VM_DIALECT

/** A namespace for the tests of a describe block. */
function useNamespace(): { readonly pid: number } {
  let namespace: Namespace | undefined
  beforeAll(async () => {
    namespace = await Namespace.create()
  })
  afterAll(() => namespace?.close())
  return {
    get pid() {
      if (!namespace) throw new Error('the namespace is made in beforeAll')
      return namespace.pid
    },
  }
}

describe('open', () => {
  let full: Client
  beforeAll(async () => {
    full = await harness.openFull()
    await harness.reset()
  })
  afterAll(() => full.close())

  it.runIf(expected)('the dialect is that of the kernel that was booted', () => {
    expect(harness.dialect).toBe(expected)
  })

  it.each(['netlink', 'sockopt', 'auto'] as const)('transport %s', async (transport) => {
    const ipvs = await openPatiently({ transport })
    expect(ipvs.capabilities.transport).toBe(transport === 'auto' ? 'netlink' : transport)
    expect(ipvs.dialect).toBe(harness.dialect)
    expect(await ipvs.services.list()).toEqual([])
    await ipvs.close()
  })

  it('an aborted signal', async () => {
    const signal = AbortSignal.abort()
    await expectFailure(Ipvs.open({ signal }), { code: 'ABORT_ERR', operation: 'open', sent: false })
  })

  it.each([
    ['a transport that is none', { transport: 'dbus' }, 'ERR_INVALID_ARG_VALUE'],
    ['a transport object without run', { transport: {} }, 'ERR_INVALID_ARG_TYPE'],
    ['netns 0', { netns: 0 }, 'ERR_OUT_OF_RANGE'],
    ['netns ""', { netns: '' }, 'ERR_INVALID_ARG_VALUE'],
    ['netns ..', { netns: '..' }, 'ERR_INVALID_ARG_VALUE'],
    ['netns true', { netns: true }, 'ERR_INVALID_ARG_TYPE'],
    ['a timeout of -1', { timeout: -1 }, 'ERR_OUT_OF_RANGE'],
    ['force as a string', { force: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    ['an unknown option', { nets: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ])('bad input: %s', async (_, options, code) => {
    const error = await rejection(Ipvs.open(options as Parameters<typeof Ipvs.open>[0]))
    expect(error).toMatchObject({ code })
  })

  it('without privilege: it rejects at once, or opens where asked to and every call says what is needed', async () => {
    const transports = ['auto', 'netlink', 'sockopt']
    const nobody = { uid: 65534, gid: 65534 }
    for (const one of Object.values(await openAs(transports, nobody))) {
      expect(one).toMatchObject({
        opened: false,
        error: { name: 'IpvsError', code: 'EPERM', errno: -1, operation: 'open', syscall: 'getsockopt' },
      })
      expect(one.error?.hint).toContain('unprivileged')
    }
    const words = transports.map((name) => `${name}+unprivileged`)
    for (const [word, one] of Object.entries(await openAs(words, nobody))) {
      const [transport] = word.split('+')
      expect(one).toMatchObject({ opened: true, dialect: harness.dialect })
      const { error } = one.list ?? {}
      expect(error).toMatchObject({ name: 'IpvsError', code: 'EPERM', errno: -1, operation: 'services.list' })
      expect(error?.message).toBe('EPERM: not permitted, services.list')
      expect(error?.hint).toContain('CAP_NET_ADMIN')
      expect(error?.syscall).toBe(transport === 'sockopt' ? 'getsockopt' : 'sendmsg')
      if (one.add?.error?.code === 'ERR_IPVS_UNSUPPORTED') continue
      expect(one.add?.error).toMatchObject({ code: 'EPERM', operation: 'services.add' })
      expect(one.add?.error?.message).toBe('EPERM: not permitted, services.add tcp 192.0.2.77:77')
    }
    expect(await full.services.list()).toEqual([])
  })

  describe.runIf(!separate)(
    'a foreign network namespace on a FULLNAT kernel (abi.md §1.1, §9.2-1, §10.1-21)',
    () => {
      it('every transport is refused, and the table of the host stays as it is', async () => {
        await full.services.add(WEB)
        const seen = await openAs(['auto', 'netlink', 'sockopt'], { command: ['unshare', '-n'] })
        for (const one of Object.values(seen)) {
          expect(one.opened).toBe(false)
          expect(one.error).toMatchObject({
            name: 'IpvsError',
            code: 'ERR_IPVS_NAMESPACE',
            operation: 'open',
          })
          expect(one.error?.message).toContain('initial network namespace')
          expect(one.error?.hint).toMatch(/\.$/)
        }
        expect(await full.services.list()).toMatchObject([WEB])
        await full.services.remove(WEB)
      })

      it('netns cannot be entered: 2.6.32 has no namespace files', async () => {
        const namespace = await Namespace.create()
        const error = await rejection(Ipvs.open({ netns: namespace.pid }))
        expect(error).toMatchObject({ name: 'IpvsError', code: 'ENOENT', operation: 'open', sent: false })
        await namespace.close()
      })
    },
  )

  describe.runIf(separate)('netns', () => {
    const namespace = useNamespace()

    it.each(['netlink', 'sockopt'] as const)('the table of a process, over %s', async (transport) => {
      const other = await openPatiently({ netns: namespace.pid, transport })
      expect(other.capabilities).toEqual((await kernelHarness(transport)).capabilities)
      expect(await other.services.list()).toEqual([])
      await other.services.add(WEB)
      await other.destinations.add(WEB, real('198.51.100.1'))
      expect(await full.services.list()).toEqual([])
      await full.services.add({ ...WEB, port: 81 })
      expect(await other.services.list()).toMatchObject([WEB])
      await full.flush()
      expect(await other.destinations.list(WEB)).toHaveLength(1)
      await other.flush()
      await other.close()
    })

    it('by path', async () => {
      const one = await openPatiently({ netns: namespace.pid })
      const same = await openPatiently({ netns: `/proc/${namespace.pid}/ns/net` })
      await one.services.add(WEB)
      expect(await same.services.list()).toMatchObject([WEB])
      await one.flush()
      await Promise.all([one.close(), same.close()])
    })

    it('connection table size: that of the kernel, or 0 where each namespace makes its own with its first service', async () => {
      const fresh = await Namespace.create()
      const client = await openPatiently({ netns: fresh.pid })
      const before = (await client.info()).connectionTableSize
      await client.services.add(WEB)
      const { connectionTableSize } = await client.info()
      // Since Linux 7 (ip_vs_ctl.c:ip_vs_add_service allocates conn_tab); /proc/net/ip_vs_status came with it.
      const ownTable = existsSync('/proc/net/ip_vs_status')
      expect(before).toBe(ownTable ? 0 : connectionTableSize)
      expect(Math.log2(connectionTableSize) % 1).toBe(0)
      await client.flush()
      expect((await client.info()).connectionTableSize).toBe(connectionTableSize)
      await client.close()
      await fresh.close()
    })

    it('two clients in two namespaces at once', async () => {
      const second = await Namespace.create()
      const clients = await Promise.all([namespace, second].map(({ pid }) => openPatiently({ netns: pid })))
      await Promise.all(clients.map((client, i) => client.services.add({ ...WEB, port: 100 + i })))
      const lists = await Promise.all(clients.map((client) => client.services.list()))
      expect(lists).toMatchObject([[{ port: 100 }], [{ port: 101 }]])
      await Promise.all(clients.map((client) => client.flush()))
      await Promise.all(clients.map((client) => client.close()))
      await second.close()
    })

    it('timeouts are those of the namespace', async () => {
      const other = await openPatiently({ netns: namespace.pid })
      const before = await full.timeouts.get()
      await other.timeouts.set({ tcp: before.tcp + 7 })
      expect(await full.timeouts.get()).toEqual(before)
      expect((await other.timeouts.get()).tcp).toBe(before.tcp + 7)
      await other.close()
    })

    it('a child in a namespace of its own sees its own table', async () => {
      await full.services.add(WEB)
      const seen = await openAs(['auto', 'sockopt'], { command: ['unshare', '-n'] })
      expect(seen.auto).toMatchObject({ opened: true, list: { value: 0 } })
      expect(seen.sockopt).toMatchObject({ opened: true, list: { value: 1 } })
      expect(await full.services.list()).toHaveLength(1)
      await full.flush()
    })

    it.each([
      ['a name that does not exist', 'nosuch', 'ENOENT', 'open'],
      ['a path that does not exist', '/run/netns/nosuch', 'ENOENT', 'open'],
      ['a process that does not exist', 2147483647, 'ENOENT', 'open'],
    ] as const)('%s', async (_, netns, code, syscall) => {
      const error = await rejection(Ipvs.open({ netns }))
      expect(error).toMatchObject({ name: 'IpvsError', code, syscall, operation: 'open' })
      expect(error.message).toBe(`${code}: no such network namespace, open`)
      expect(error.hint).toMatch(/\.$/)
    })

    it.each([
      [
        'a plain file',
        () => {
          writeFileSync('/tmp/no-namespace', '')
          return '/tmp/no-namespace'
        },
      ],
      ['a namespace of another kind', () => '/proc/self/ns/uts'],
    ])('%s is no network namespace', async (_, path) => {
      const error = await rejection(Ipvs.open({ netns: path() }))
      expect(error).toMatchObject({ name: 'IpvsError', code: 'EINVAL', syscall: 'setns', operation: 'open' })
      expect(error.message).toBe('EINVAL: not a network namespace, open')
    })
  })
})
