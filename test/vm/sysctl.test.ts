// Sysctls as only a real kernel has them: those of a network namespace, /proc/sys that is read-only or masked, no privilege.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ipvs as Client } from '../../lib'
import { expectFailure, rejection } from '../contract/harness'
import { Namespace } from './support/children'
import { kernelHarness } from './support/kernel'
import { library, PATIENT, project } from './support/library'

const { Ipvs } = library
const harness = await kernelHarness('netlink')
const FOLDER = '/proc/sys/net/ipv4/vs'

const sh = (script: string) => execFileSync('sh', ['-c', script], { encoding: 'utf8', stdio: 'pipe' })

/** What a process of its own says, that somebody may start without privilege. */
const CHILD = `
  const { Ipvs } = require(process.argv[1])
  const say = ({ name, code, message, hint, errno, syscall, file }) => ({ name, code, message, hint, errno, syscall, file })
  const outcome = (promise) => promise.then((value) => ({ value }), (error) => ({ error: say(error) }))
  Ipvs.open({ timeout: 120000, unprivileged: true }).then(async (ipvs) => {
    const read = await outcome(ipvs.sysctl.get('amemthresh').then(({ value }) => value))
    const write = await outcome(ipvs.sysctl.set('amemthresh', 2048))
    console.log(JSON.stringify({ read, write }))
    await ipvs.close()
  })`

interface Outcome {
  readonly value?: number
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly hint: string
    readonly file: string
  }
}

function asNobody(): { read: Outcome; write: Outcome } {
  const options = { uid: 65534, gid: 65534, encoding: 'utf8' } as const
  return JSON.parse(execFileSync(process.execPath, ['-e', CHILD, join(project, 'dist')], options))
}

describe('sysctls of this kernel', () => {
  let ipvs: Client
  beforeAll(async () => {
    ipvs = await Ipvs.open(PATIENT)
  })
  afterAll(() => ipvs.close())

  it('are what cat prints', async () => {
    const list = await ipvs.sysctl.list()
    const shown = sh(`cd ${FOLDER} && grep '' *`)
    const lines = list.map(
      ({ name, value }) => `${name}:${typeof value === 'object' ? value.join('\t') : value}`,
    )
    expect(lines.join('\n')).toBe(shown.trimEnd())
  })

  it('without privilege they are read, and a write is EACCES', async () => {
    const { read, write } = asNobody()
    expect(read).toEqual({ value: 1024 })
    expect(write.error).toMatchObject({
      name: 'IpvsError',
      code: 'EACCES',
      errno: -13,
      syscall: 'open',
      message: `EACCES: not permitted to write ${FOLDER}/amemthresh, sysctl.set`,
      file: `${FOLDER}/amemthresh`,
    })
    expect(write.error?.hint).toContain('CAP_NET_ADMIN')
    expect((await ipvs.sysctl.get('amemthresh')).value).toBe(1024)
  })

  // 2.6.32 makes a bind mount read-only in two steps; busybox does both.
  it('a read-only /proc/sys, as containers have it', async () => {
    sh('mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys /proc/sys')
    try {
      expect((await ipvs.sysctl.get('amemthresh')).value).toBe(1024)
      const error = await expectFailure(ipvs.sysctl.set('amemthresh', 2048), {
        code: 'EROFS',
        operation: 'sysctl.set',
        says: `${FOLDER}/amemthresh is on a read-only file system`,
      })
      expect(error).toMatchObject({ errno: -30, syscall: 'open' })
    } finally {
      sh('umount /proc/sys')
    }
    expect((await ipvs.sysctl.get('amemthresh')).value).toBe(1024)
  })

  it('a masked /proc, as containers have it', async () => {
    sh(`mount -t tmpfs none ${FOLDER}`)
    try {
      const empty = await rejection(ipvs.sysctl.list())
      expect(empty).toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED', file: FOLDER })
      expect(empty.message).toContain('is empty')
      for (const call of [ipvs.sysctl.get('amemthresh'), ipvs.sysctl.set('amemthresh', 1)]) {
        expect(await rejection(call)).toMatchObject({
          code: 'ERR_IPVS_UNSUPPORTED',
          file: `${FOLDER}/amemthresh`,
        })
      }
    } finally {
      sh(`umount ${FOLDER}`)
    }
    sh('mount -t tmpfs none /proc/sys')
    try {
      const gone = await rejection(ipvs.sysctl.list())
      expect(gone).toMatchObject({ code: 'ERR_IPVS_UNSUPPORTED', errno: -2, file: FOLDER })
    } finally {
      sh('umount /proc/sys')
    }
    expect(await ipvs.sysctl.list()).not.toEqual([])
  })

  describe.runIf(harness.capabilities.networkNamespaces)('of network namespaces', () => {
    it('each client has those of its own', async () => {
      const namespaces = [await Namespace.create(), await Namespace.create()] as const
      const [one, other] = (await Promise.all(
        namespaces.map(({ pid }) => Ipvs.open({ ...PATIENT, netns: pid })),
      )) as [Client, Client]
      expect((await one.sysctl.list()).map(({ name }) => name)).toContain('conn_reuse_mode')
      await Promise.all([
        ipvs.sysctl.set('amemthresh', 1001),
        one.sysctl.set('amemthresh', 1002),
        other.sysctl.set('amemthresh', 1003),
      ])
      const held = await Promise.all([ipvs, one, other].map((client) => client.sysctl.get('amemthresh')))
      expect(held.map(({ value }) => value)).toEqual([1001, 1002, 1003])
      // By somebody else's eyes, too.
      expect(sh(`cat ${FOLDER}/amemthresh`)).toBe('1001\n')
      expect(await one.sysctl.set('sync_threshold', [7, 70])).toEqual([7, 70])
      expect((await other.sysctl.get('sync_threshold')).value).toEqual([3, 50])
      await ipvs.sysctl.set('amemthresh', 1024)
      await Promise.all([one.close(), other.close()])
      await Promise.all(namespaces.map((namespace) => namespace.close()))
    })
  })
})
