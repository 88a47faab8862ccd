// Since Linux 7 the kernel makes the table of services larger and smaller as they come and go, and hashes them anew. A dump
// over netlink goes on by position (ip_vs_ctl.c:ip_vs_genl_dump_services), so a table that is replaced between two of its
// messages makes it miss hundreds of services that nobody has touched. Over socket options a list is made in one go.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ipvs, ServiceInfo } from '../../lib'
import { WEB } from '../contract/harness'
import { kernelHarness } from './support/kernel'

/** What the kernel wants buckets and services to be like, as a power of two; another one makes it replace the table. */
const FACTOR = '/proc/sys/net/ipv4/vs/svc_lfactor'
const SERVICES = 1000
const LISTS = 40
const SNAPSHOTS = 10
/** Milliseconds; a list takes longer. */
const RESIZED_EVERY = 10

const portsOf = (list: readonly ServiceInfo[]) => list.map(({ port }) => port ?? -1)
const everyPort = Array.from({ length: SERVICES }, (_, i) => i + 1)
const sorted = (ports: readonly number[]) => [...ports].sort((a, b) => a - b)

/** Of this kernel: 2, 5, 7. */
const major = Number.parseInt(release(), 10)

it.runIf(major >= 7)('Linux 7 can be told to resize the table: nothing is skipped there', () => {
  expect(existsSync(FACTOR)).toBe(true)
})

for (const kind of ['netlink', 'sockopt'] as const) {
  const harness = await kernelHarness(kind)

  describe.runIf(existsSync(FACTOR))(`while the table of services is resized, over ${kind}`, () => {
    let ipvs: Ipvs
    let factor: string
    let resizing: ReturnType<typeof setInterval>
    let resized = 0
    beforeAll(async () => {
      factor = readFileSync(FACTOR, 'utf8')
      ipvs = await harness.open()
      await harness.reset()
      const outcomes = await ipvs.batch(({ services }) => {
        for (const port of everyPort) services.add({ ...WEB, port })
      })
      expect(outcomes.filter(({ status }) => status !== 'fulfilled')).toEqual([])
      let large = false
      resizing = setInterval(() => {
        large = !large
        writeFileSync(FACTOR, large ? '-6' : '6')
        resized++
      }, RESIZED_EVERY)
    })
    afterAll(async () => {
      clearInterval(resizing)
      writeFileSync(FACTOR, factor)
      await harness.reset()
      await ipvs.close()
    })

    it('no service is listed twice, and every one is seen', async () => {
      const seen = new Set<number>()
      for (let i = 0; i < LISTS; i++) {
        const ports = portsOf(await ipvs.services.list())
        expect(new Set(ports).size).toBe(ports.length)
        if (kind === 'sockopt') expect(ports).toHaveLength(SERVICES)
        for (const port of ports) seen.add(port)
      }
      expect(sorted([...seen])).toEqual(everyPort)
    })

    it('a snapshot that calls itself consistent is complete', async () => {
      for (let i = 0; i < SNAPSHOTS; i++) {
        const { services, consistent } = await ipvs.snapshot({ consistent: true })
        const ports = portsOf(services.map(({ service }) => service))
        expect(new Set(ports).size).toBe(ports.length)
        if (consistent) expect(sorted(ports)).toEqual(everyPort)
      }
    })

    it('each service is found by its key', async () => {
      const some = everyPort.filter((port) => port % 50 === 0)
      const found = await Promise.all(some.map((port) => ipvs.services.get({ ...WEB, port })))
      expect(found.map((one) => one && portsOf([one])[0])).toEqual(some)
    })

    it('a snapshot is consistent and complete when that has stopped', async () => {
      expect(resized).toBeGreaterThan(0)
      clearInterval(resizing)
      const { services, consistent } = await ipvs.snapshot({ consistent: true })
      expect(consistent).toBe(true)
      expect(sorted(portsOf(services.map(({ service }) => service)))).toEqual(everyPort)
    })
  })
}
