// Rules of ipvsadm on the kernel that this guest runs: what its own ipvsadm saves, ours reads; what ours writes, it loads.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { DesiredService, RulesDialect } from '../../lib/formats'
import { RULES } from '../unit/ipvsadm/golden'
import { ipvsadm, program } from './net/ipvsadm'
import { dialectOf, everything, fill, viewOf } from './net/rules-table'
import { library, PATIENT, project } from './support/library'
import { prepareNetwork } from './support/network'

const formats: typeof import('../../lib/formats') = createRequire(import.meta.url)(
  join(project, 'dist/formats'),
)

prepareNetwork()
const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const timeouts = await ipvs.timeouts.get()
const dialect = dialectOf(can)
const fullnat = dialect !== 'mainline'
const without = program ? '' : ' (no ipvsadm for this kernel: IPVS_ORACLE is empty)'

/** ipvsadm -R; what it says is empty where it liked everything. */
function restore(text: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(program, ['-R'], (error, stdout, stderr) =>
      resolve(`${stdout}${stderr}${error ? `exit ${error.code}` : ''}`),
    )
    child.stdin?.end(text)
  })
}

const snapshot = async () => (await ipvs.snapshot()).services
const save = () => ipvsadm('-S', '-n')
const isIpv4Address = ({ address }: { address?: string | undefined }) =>
  address !== undefined && !address.includes(':')

describe.skipIf(!program)(`rules of ${dialect}${without}`, () => {
  beforeEach(() => ipvs.flush())
  afterAll(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set(timeouts)
    await ipvs.close()
  })

  it('what its own ipvsadm saves is read as the table is, but for what no save keeps', async () => {
    await fill(ipvs, everything(can))
    const text = await save()
    const { state, errors, warnings } = formats.parseRules(text, { dialect, nullMeans: 'fullnat' })
    const misprinted = dialect === 'alibaba-v3' ? ['misprinted-local-address', 'misprinted-service'] : []
    expect(errors.map(({ code }) => code).sort()).toEqual(misprinted)
    // A mark above 2^31 is printed negative; Alibaba's prints ops without dashes.
    const expected = ['negative-fwmark', ...(fullnat ? ['refused-by-ipvsadm'] : [])]
    expect([...new Set(warnings.map(({ code }) => code))].sort()).toEqual(expected)
    const silent = {
      thresholds: true,
      synproxy: dialect === 'alibaba-v2',
      localAddresses: (service: object) => dialect !== 'alibaba-v3' || !isIpv4Address(service),
    }
    const withoutDefault = ({ establishedTimeout, ...rest }: DesiredService) => rest as DesiredService
    const saved = state.services ?? []
    if (can.establishedTimeout) expect(viewOf(saved, silent)).toEqual(viewOf(await snapshot(), silent))
    else expect(viewOf(saved.map(withoutDefault), silent)).toEqual(viewOf(await snapshot(), silent))
  })

  it('what ours writes is loaded by its own ipvsadm, and the table is the same', async () => {
    await fill(ipvs, everything(can))
    const before = await snapshot()
    const { text, losses } = formats.formatRules({ services: before }, { dialect })
    expect(losses).toEqual([])
    await ipvs.flush()
    expect(await restore(text)).toBe('')
    expect(viewOf(await snapshot())).toEqual(viewOf(before))
  })

  it('what ours writes is read by ours as it was, and applied makes the same table', async () => {
    await fill(ipvs, everything(can))
    const before = await snapshot()
    const { text } = formats.formatRules({ services: before }, { dialect })
    const { state, errors, warnings } = formats.parseRules(text, { dialect })
    expect([errors, warnings]).toEqual([[], []])
    expect(viewOf(state.services ?? [])).toEqual(viewOf(before))
    await ipvs.flush()
    await fill(ipvs, state.services ?? [])
    expect(viewOf(await snapshot())).toEqual(viewOf(before))
  })

  it('its own save, read and written by ours, is loaded again', async () => {
    await fill(ipvs, everything(can))
    const { state } = formats.parseRules(await save(), { dialect, nullMeans: 'fullnat' })
    const { text, losses } = formats.formatRules(state, { dialect })
    expect(losses).toEqual([])
    const before = await save()
    await ipvs.flush()
    expect(await restore(text)).toBe('')
    const misprinted = /^-P -[tu] (?:0\.0\.0\.0:0|\[.*).*\n/gm
    const after = await save()
    // Local addresses come in the order of a hash chain.
    const comparable = (saved: string) => saved.replace(misprinted, '').split('\n').sort()
    if (dialect === 'alibaba-v3') expect(comparable(after)).toEqual(comparable(before))
    else expect(after).toBe(before)
  })

  it.each(['mainline', 'alibaba-v2', 'alibaba-v3', 'dpvs'] as const)(
    'a table of %s is carried over to this kernel, and back',
    async (other: RulesDialect) => {
      // What all of them can say.
      const common: DesiredService[] = everything(can)
        .filter(({ protocol }) => protocol !== 'sctp')
        .map(({ localAddresses, synproxy, establishedTimeout, schedulerFlags, ...service }) => ({
          ...service,
          ...(service.persistence?.engine ? { persistence: { timeout: 60 } } : {}),
          destinations: (service.destinations ?? []).filter(
            ({ forwarding, tunnel, address }) =>
              forwarding !== 'fullnat' &&
              !tunnel &&
              address.includes(':') === String(service.address).includes(':'),
          ),
        }))
      const written = formats.formatRules({ services: common }, { dialect: other })
      expect(written.losses).toEqual([])
      const read = formats.parseRules(written.text, { dialect: other })
      expect(read.errors).toEqual([])
      const here = formats.formatRules(read.state, { dialect })
      expect(here.losses).toEqual([])
      expect(await restore(here.text)).toBe('')
      const defaults = can.establishedTimeout
        ? (services: object[]) => services.map((one) => ({ ...one, establishedTimeout: undefined }))
        : (services: object[]) => services
      const plain = (view: object) =>
        Object.fromEntries(Object.entries(view).map(([key, value]) => [key, defaults([value])[0]]))
      const table = await snapshot()
      expect(plain(viewOf(table))).toEqual(plain(viewOf(common)))
      // The text itself, where the letters are the same.
      const mine = formats.formatRules({ services: common }, { dialect })
      const back = formats.formatRules({ services: table }, { dialect: other })
      expect(back.losses.filter(({ property }) => property !== 'establishedTimeout')).toEqual([])
      expect(back.text.replace(/ (?:-j disable|-V \d+|--conn-timeout \d+)/g, '')).toBe(
        mine.text.replace(/ (?:-j disable|-V \d+)/g, ''),
      )
    },
  )

  it.each(['mainline', 'alibaba-v2', 'alibaba-v3', 'dpvs'] as const)(
    'what %s has saved elsewhere is loaded here, as far as it can be said',
    async (other: RulesDialect) => {
      const { state } = formats.parseRules(RULES[other], { dialect: other, nullMeans: 'fullnat' })
      // dpvs has a scheduler of its own.
      const services = (state.services ?? []).filter(({ scheduler }) => scheduler !== 'conhash')
      expect(services.length).toBeGreaterThan(2)
      const { text } = formats.formatRules({ services }, { dialect })
      expect(await restore(text)).toBe('')
      const wanted = formats.parseRules(text, { dialect }).state.services ?? []
      const silent = { synproxy: true }
      const plain = (view: object) =>
        Object.fromEntries(
          Object.entries(view).map(([key, one]) => [key, { ...one, establishedTimeout: undefined }]),
        )
      expect(plain(viewOf(await snapshot(), silent))).toEqual(plain(viewOf(wanted, silent)))
    },
  )

  it('an edit does what it does here: it merges, or it replaces', async () => {
    const rules = [
      '-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0',
      '-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -m -w 5 -x 9',
      '-E -t 192.0.2.1:80 -s lc',
      '-e -t 192.0.2.1:80 -r 198.51.100.2:8080 -m',
      '-A -u 192.0.2.1:53 -s rr',
      '-E -u 192.0.2.1:53 -p 7',
      '-A -f 9 -s rr -M 255.255.0.0',
      '-E -f 9 -p 5',
    ].join('\n')
    const { state, errors } = formats.parseRules(rules, { dialect })
    expect(errors).toEqual([])
    expect(await restore(rules)).toBe('')
    const silent = { synproxy: true }
    const plain = (view: object) =>
      Object.fromEntries(
        Object.entries(view).map(([key, one]) => [key, { ...one, establishedTimeout: undefined }]),
      )
    expect(plain(viewOf(state.services ?? [], silent))).toEqual(plain(viewOf(await snapshot(), silent)))
  })

  it.runIf(dialect === 'mainline')(
    'flags that its save has no names for are lost there, and not in ours',
    async () => {
      const service = { protocol: 'tcp', address: '192.0.2.9', port: 80, scheduler: 'sh' } as const
      await ipvs.services.add({ ...service, schedulerFlags: ['flag-3'] })
      expect(formats.parseRules(await save(), { dialect }).errors).toMatchObject([
        { code: 'missing-argument' },
      ])
      await ipvs.services.set({ ...service, schedulerFlags: ['flag-1', 'flag-3'] })
      expect(formats.parseRules(await save(), { dialect }).state.services).toMatchObject([
        { schedulerFlags: ['flag-1'] },
      ])
      const { text } = formats.formatRules({ services: await snapshot() }, { dialect })
      await ipvs.flush()
      expect(await restore(text)).toBe('')
      expect(await ipvs.services.get(service)).toMatchObject({ schedulerFlags: ['flag-1', 'flag-3'] })
    },
  )

  it('timeouts and daemons are written as it reads them', async () => {
    const wanted = { tcp: 901, tcpFin: 121, udp: 301 }
    const daemons = [{ state: 'master', interface: 'dummy0', syncId: 7 }] as const
    const { text, losses } = formats.formatRules(
      { timeouts: wanted, daemons: fullnat ? [] : daemons },
      { dialect },
    )
    expect(losses).toEqual([])
    expect(await restore(text)).toBe('')
    expect(await ipvs.timeouts.get()).toEqual(wanted)
    expect(formats.parseListing(await ipvsadm('-L', '--timeout')).timeouts).toEqual(wanted)
    if (fullnat) return
    const running = await ipvs.daemons.list()
    expect(running).toMatchObject(daemons)
    expect(formats.parseListing(await ipvsadm('-L', '--daemon')).daemons).toMatchObject(running)
    await ipvs.daemons.stop('master')
  })

  it('its listings are read as the table is', async () => {
    await fill(ipvs, everything(can))
    const table = await snapshot()
    const listed = async (...options: string[]) => {
      const { errors, warnings, services = [] } = formats.parseListing(await ipvsadm('-L', '-n', ...options))
      expect(errors).toEqual([])
      expect(warnings.every(({ code }) => code === 'negative-fwmark')).toBe(true)
      return services.map(({ key, destinations, line: _, ...rest }) => ({
        service: { ...key, ...rest },
        destinations: destinations.map(({ line: _line, ...one }) => one),
        localAddresses: [],
      }))
    }
    const silent = { localAddresses: () => true }
    const usual = await listed()
    const onePacketIsSaid = (view: object) =>
      Object.fromEntries(
        Object.entries(view).map(([key, { onePacket, ...one }]) => [
          key,
          { ...one, onePacket: fullnat ? false : onePacket },
        ]),
      )
    const untunnelled = table.map(({ destinations, ...one }) => ({
      ...one,
      destinations: destinations.map(({ tunnel: _, ...real }) => ({ ...real, tunnel: undefined })),
    }))
    const thresholds = { ...silent, thresholds: true }
    expect(onePacketIsSaid(viewOf(usual as never, thresholds))).toEqual(
      onePacketIsSaid(viewOf(untunnelled as never, thresholds)),
    )
    for (const options of [
      ['--stats'],
      ['--rate'],
      ['--stats', '--exact'],
      ['--thresholds'],
      ['--persistent-conn'],
    ]) {
      const found = await listed(...options)
      expect(found.map(({ destinations }) => destinations.length).sort()).toEqual(
        table.map(({ destinations }) => destinations.length).sort(),
      )
    }
    const byThreshold = (await listed('--thresholds')).flatMap(({ destinations }) => destinations)
    expect(byThreshold.filter(({ upperThreshold }) => upperThreshold === 100)).toHaveLength(2)
    if (can.tunnelTypes) {
      const tunnels = (await listed('--tun-info')).flatMap(({ destinations }) => destinations)
      expect(
        tunnels
          .filter(({ tunnel }) => tunnel?.type === 'gue')
          .map(({ tunnel }) => tunnel?.port)
          .sort(),
      ).toEqual([6080, 6080, 6081, 6081])
    }
  })

  it.runIf(can.localAddresses)(
    'its list of local addresses is read, and what is misprinted is told',
    async () => {
      await fill(ipvs, everything(can))
      const { localAddresses = [], errors } = formats.parseListing(await ipvsadm('-G'))
      expect(
        localAddresses.find(({ address, port }) => address === '192.0.2.1' && port === 80),
      ).toMatchObject({
        total: 2,
        localAddresses: [
          { address: expect.stringMatching(/^10\.77\.0\.(9|10)$/), connections: 0, portConflicts: 0n },
          { address: expect.stringMatching(/^10\.77\.0\.(9|10)$/) },
        ],
      })
      const codes = new Set(errors.map(({ code }) => code))
      expect([...codes].sort()).toEqual(['misprinted-local-address', 'misprinted-service'])
    },
  )

  it.runIf(can.connectionList)(
    'a list of connections is read, what other tests have left in it included',
    async () => {
      const text = await ipvsadm('-L', '-n', '-c')
      const { connections = [], errors } = formats.parseListing(text)
      expect(errors).toEqual([])
      // Two lines are captions.
      expect(connections).toHaveLength(text.trimEnd().split('\n').length - 2)
    },
  )
})
