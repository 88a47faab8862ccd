// `ipvs-fullnat` typed as ipvsadm is, beside the kernel's own ipvsadm: the same tables before, between and after.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endLab } from './net/end-lab'
import { ipvsadm, program as itsOwn } from './net/ipvsadm'
import {
  type Lab,
  localAddresses,
  realServers,
  Settings,
  startLab,
  vip,
  // @ts-expect-error: a script without types
} from './net/lab.mjs'
import { library, PATIENT, project } from './support/library'
import { INTERFACE, prepareNetwork } from './support/network'

prepareNetwork()
const ipvs = await library.Ipvs.open(PATIENT)
const can = ipvs.capabilities
const fullnat = can.fullnat
const timeouts = await ipvs.timeouts.get()

const ANSWERED = { code: 0, err: '' } as const
const said: string[] = []

const { run }: typeof import('../../lib/cli/run') = createRequire(import.meta.url)(
  join(project, 'dist/cli/run'),
)

interface Result {
  readonly code: number | null
  readonly out: string
  readonly err: string
}
type Typed = string | readonly string[]

const PATIENTLY = ['--kernel-timeout', '120']
const argvOf = (line: Typed) => (typeof line === 'string' ? line.split(' ') : line)

function note(line: Typed, result: Result): Result {
  said.push(`# ipvs-fullnat ${argvOf(line).join(' ')}\n${result.err}${result.out}`)
  return result
}

/** What ships, in this process: to start another one takes seconds on an emulated machine. */
async function cli(line: Typed, input = ''): Promise<Result> {
  const written = { out: '', err: '' }
  const stream = (name: 'out' | 'err') => ({
    write: (text: string) => {
      written[name] += text
    },
  })
  const stdin = Readable.from(input === '' ? [] : [Buffer.from(input)])
  const io = { stdin, stdout: stream('out'), stderr: stream('err'), env: {} }
  const code = await run([...PATIENTLY, ...argvOf(line)], io)
  return note(line, { code, ...written })
}

/** The program, as a process of its own. */
function program(line: Typed, input = ''): Result {
  const script = join(project, 'dist/cli/bin.js')
  const options = { input, encoding: 'utf8' } as const
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [script, ...PATIENTLY, ...argvOf(line)],
    options,
  )
  return note(line, { code: status, out: stdout, err: stderr })
}

function worked(line: Typed, { out, ...rest }: Result): string {
  expect({ line, ...rest }).toEqual({ line, ...ANSWERED })
  return out
}

const works = async (line: Typed, input = '') => worked(line, await cli(line, input))

const WEB = '192.0.2.1:80'
const method = fullnat ? '-b' : '-m'

/** The article's director, and what manuals show beside it. */
const TYPED: readonly string[] = [
  `-A -t ${WEB} -s wrr`,
  `-a -t ${WEB} -r 198.51.100.2:8080 ${method} -w 100`,
  `-a -t ${WEB} -r 198.51.100.3:8080 ${method} -w 50 -x 100 -y 40`,
  ...(fullnat ? [`-P -t ${WEB} -z 10.77.0.9`, `-P -t ${WEB} -z 10.77.0.10`] : []),
  `-e -t ${WEB} -r 198.51.100.3:8080 ${method} -w 7`,
  `-E -t ${WEB} -s wlc -p 300`,
  '-A -u 192.0.2.1:53 -s rr',
  '-a -u 192.0.2.1:53 -r 198.51.100.2:53 -m',
  '-A -t [2001:db8::1]:443 -s rr',
  '-a -t [2001:db8::1]:443 -r [fd00:77::2]:8443 -m',
  '-A -f 7 -s sed',
  ...(fullnat ? [`-E -t ${WEB} -j enable`, `-Q -t ${WEB} -z 10.77.0.10`] : []),
  ...(can.dialect === 'fullnat-v3' ? [`-E -t ${WEB} -V 900`] : []),
  `-d -t ${WEB} -r 198.51.100.3:8080`,
  '-D -f 7',
  '--set 100 50 77',
]

const LISTS = [
  '-L -n',
  '-L -n --stats',
  '-L -n --rate',
  '-L -n --thresholds',
  '-L -n --persistent-conn',
  '-L --timeout',
]

describe.skipIf(itsOwn === '')(
  `ipvs-fullnat beside ipvsadm${itsOwn === '' ? ' (there is no ipvsadm for this kernel)' : ''}`,
  () => {
    beforeAll(() => ipvs.flush())
    afterEach(async () => {
      await ipvs.flush()
      await ipvs.timeouts.set(timeouts)
    })

    it('the same after every command that is typed', async () => {
      for (const line of TYPED) {
        await works(line)
        expect(await works('-L -n')).toBe(await ipvsadm('-L', '-n'))
      }
      for (const line of LISTS) expect(await works(line)).toBe(await ipvsadm(...line.split(' ')))
      expect(worked('-L -n', program('-L -n'))).toBe(await ipvsadm('-L', '-n'))
      expect(await works(`-L -n -t ${WEB}`)).toBe(await ipvsadm('-L', '-n', '-t', WEB))
      if (fullnat) expect(await works(`-G -t ${WEB}`)).toBe(await ipvsadm('-G', '-t', WEB))
      await works('-C')
      expect(await works('-L -n')).toBe(await ipvsadm('-L', '-n'))
      console.log(`${can.dialect}:\n${said.join('')}`)
    })

    it('each loads what the other saves', async () => {
      for (const line of TYPED.slice(0, -2)) await works(line)
      const table = await ipvsadm('-L', '-n')
      const locals = fullnat ? await works('-G') : ''
      const ours = await works('-S')
      const theirs = await ipvsadm('-S', '-n')
      console.log(`${can.dialect}: its own -S\n${theirs}ours\n${ours}`)

      await ipvs.flush()
      const { status, stderr } = spawnSync(itsOwn, ['-R'], { input: ours, encoding: 'utf8' })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(await ipvsadm('-L', '-n')).toBe(table)
      if (fullnat) expect(await works('-G')).toBe(locals)

      await ipvs.flush()
      const { code, err } = await cli('-R', theirs)
      if (can.dialect === 'fullnat-v2') {
        // Its save says (null) for FULLNAT: which method it was, is lost.
        expect(code).toBe(2)
        expect(err).toMatch(/\(null\)[\s\S]*nothing was changed/)
        expect((await ipvs.snapshot()).services).toEqual([])
        await works('-R --null-means fullnat', theirs)
        // It does not say -j either.
        expect(await ipvsadm('-L', '-n')).toBe(table.replace(/ synproxy$/gm, ''))
      } else {
        expect({ code, err }).toEqual(ANSWERED)
        expect(await ipvsadm('-L', '-n')).toBe(table)
      }
      await ipvs.flush()
      worked('-R', program('-R', ours))
      expect(await ipvsadm('-L', '-n')).toBe(table)
      expect(worked('-S', program('-S'))).toBe(ours)
    })

    it('a text with an error leaves the table as it was, where ipvsadm-restore empties it', async () => {
      for (const line of TYPED.slice(0, 3)) await works(line)
      const table = await ipvsadm('-L', '-n')
      const { code, err } = program('-R', `-C\n-A -t 192.0.2.9:80 -s rr\n-A -t 192.0.2.9:81 -s\n`)
      expect(code).toBe(2)
      expect(err).toMatch(/^error: standard input:3:\d+: -s needs an argument/)
      expect(await ipvsadm('-L', '-n')).toBe(table)
    })

    it('what the kernel refuses is told with what to do', async () => {
      await works(TYPED[0] as string)
      expect(await cli(TYPED[0] as string)).toEqual({
        code: 1,
        out: '',
        err: expect.stringMatching(
          /^ipvs-fullnat: EEXIST: service already exists, .*\n {2}Change it with -E/,
        ),
      })
      expect(await cli('-D -t 192.0.2.99:80')).toMatchObject({ code: 1, err: expect.stringMatching(/ESRCH/) })
      expect(await cli('-A -t 192.0.2.99:80 -s no-such')).toMatchObject({ code: 1, out: '' })
      if (!can.zero)
        expect(await cli('-Z')).toMatchObject({ code: 1, err: expect.stringMatching(/UNSUPPORTED/) })
    })

    it('daemons', async () => {
      const line = `--start-daemon backup --mcast-interface ${INTERFACE} --syncid 3`
      if (fullnat) {
        expect(await cli(line)).toMatchObject({ code: 1, err: expect.stringMatching(/--force starts it/) })
        return
      }
      await works(line)
      expect(await works('-L --daemon')).toBe(await ipvsadm('-L', '--daemon'))
      await works('--stop-daemon backup')
      expect(await works('-L --daemon')).toBe('')
    })

    it('plan and apply', async () => {
      const state = JSON.stringify({
        services: [
          {
            ...{ protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'wrr' },
            ...(fullnat ? { localAddresses: ['10.77.0.9'] } : {}),
            destinations: [
              {
                address: '198.51.100.2',
                port: 8080,
                forwarding: fullnat ? 'fullnat' : 'masquerade',
                weight: 3,
              },
            ],
          },
        ],
      })
      expect(await cli('plan -', state)).toMatchObject({
        code: 2,
        err: '',
        out: expect.stringMatching(/^\+ add service/),
      })
      expect((await ipvs.snapshot()).services).toEqual([])
      expect(program('apply - --yes', state)).toMatchObject({ code: 0, err: '' })
      expect(await cli('plan -', state)).toMatchObject({ code: 0, err: '' })
      const method = fullnat ? 'FullNat' : 'Masq   '
      expect(await ipvsadm('-L', '-n')).toContain(`  -> 198.51.100.2:8080            ${method} 3 `)
    })

    it('sysctl and stats', async () => {
      const list = JSON.parse(await works('sysctl --json'))
      expect(list.length).toBeGreaterThan(10)
      const name = 'expire_nodest_conn'
      const before = list.find((one: { name: string }) => one.name === name).value
      await works(`sysctl set ${name} ${1 - before}`)
      expect(await works(`sysctl get ${name}`)).toContain(`${name} = ${1 - before}`)
      await works(`sysctl set ${name} ${before}`)
      expect(await works('stats')).toMatch(/^total +\d+/m)
    })
  },
)

describe('without ipvsadm', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'ipvs-cli-')), 'state.json')
  beforeAll(() => ipvs.flush())
  afterEach(async () => {
    await ipvs.flush()
    await ipvs.timeouts.set(timeouts)
  })

  it('save, and restore what was flushed', async () => {
    for (const line of TYPED) await works(line)
    const saved = async () => {
      const { savedAt: _, ...rest } = JSON.parse(await works('save'))
      return rest
    }
    const before = await saved()
    expect(before).toMatchObject({ dialect: can.dialect, timeouts: { tcp: 100, tcpFin: 50, udp: 77 } })
    await works(['save', file])
    await ipvs.flush()
    await ipvs.timeouts.set({ tcp: 1, tcpFin: 2, udp: 3 })
    expect(await cli(['restore', file, '--replace', '--dry-run'])).toMatchObject({ code: 2, err: '' })
    expect((await ipvs.snapshot()).services).toEqual([])
    await works(['restore', file, '--replace', '--yes'])
    expect(await saved()).toEqual(before)
    expect(await works(['restore', file, '--replace'])).toMatch(/^0 to add, 0 to change, 0 to remove/m)
  })

  it('doctor', async () => {
    await works('-A -t 192.0.2.9:80 -s rr')
    const { code, out } = await cli('doctor --json --interval 0')
    const { dialect, findings } = JSON.parse(out)
    const codes = findings.map(({ code: one }: { code: string }) => one)
    console.log(`${dialect}: ${codes.join(', ')}`)
    expect([code, dialect]).toEqual([2, can.dialect])
    expect(codes).toContain('no-destination')
    const text = await cli('doctor --interval 0')
    expect(text.code).toBe(2)
    expect(text.out).toMatch(/^warning: no-destination\n {4}tcp 192\.0\.2\.9:80\n/m)
  })

  it('watch mends what others change, and stops at SIGINT', async () => {
    const service = { fwmark: 7, family: 'ipv4' } as const
    writeFileSync(file, JSON.stringify({ services: [{ ...service, scheduler: 'wrr', destinations: [] }] }))
    const script = join(project, 'dist/cli/bin.js')
    const child = spawn(process.execPath, [script, ...PATIENTLY, 'watch', file, '--interval', '0.2'])
    const closed = once(child, 'close')
    let out = ''
    const saw = async (pattern: RegExp) => {
      while (!pattern.test(out)) out += (await once(child.stdout, 'data'))[0]
    }
    await saw(/state 1 reached: 1 done/)
    expect(await ipvs.services.get(service)).toMatchObject({ scheduler: 'wrr' })
    await ipvs.services.update(service, { scheduler: 'rr' })
    await saw(/drift: [\s\S]*scheduler rr -> wrr[\s\S]*state 1: 1 done/)
    expect(await ipvs.services.get(service)).toMatchObject({ scheduler: 'wrr' })
    child.kill('SIGINT')
    expect(await closed).toEqual([0, null])
  })
})

const cpus = Number(process.env.IPVS_VM_SMP ?? 1)
const canList = can.connectionList && cpus === 1
describe.skipIf(!canList)(`live connections${canList ? '' : ' (this kernel lists none)'}`, () => {
  const LIVE = { protocol: 'tcp', address: vip.ipv4, port: 7301 } as const
  let lab: Lab
  beforeAll(async () => {
    await ipvs.flush()
    lab = await startLab()
    if (!fullnat) await lab.routeBack()
    await works(`-A -t ${vip.ipv4}:7301 -s rr`)
    if (fullnat) for (const one of localAddresses.ipv4) await works(`-P -t ${vip.ipv4}:7301 -z ${one}`)
    for (const one of realServers.ipv4) await works(`-a -t ${vip.ipv4}:7301 -r ${one}:8080 ${method}`)
  })
  const connections = async () => {
    const { services } = await ipvs.snapshot()
    return services
      .flatMap(({ destinations }) => destinations)
      .reduce((sum, one) => sum + one.activeConnections + one.inactiveConnections, 0)
  }
  afterAll(() => endLab({ ipvs, lab, connections, settings: new Settings(), timeouts }))

  it('-l -n -c has the state, and on FULLNAT the local address', async () => {
    for (let i = 0; i < 2; i++) {
      const { error } = await lab.request(LIVE.address, LIVE.port, { hold: true })
      expect(error).toBeUndefined()
    }
    const mine = (text: string) => text.split('\n').filter((line) => line.includes(`${vip.ipv4}:7301 `))
    const ours = worked('-l -n -c', program('-l -n -c'))
    const rows = mine(ours)
    expect(rows).toHaveLength(2)
    for (const row of rows) expect(row).toMatch(/^TCP \d\d:\d\d {2}ESTABLISHED /)
    const theirs = itsOwn === '' ? '(there is no ipvsadm for this kernel)' : await ipvsadm('-L', '-n', '-c')
    console.log(`${can.dialect}: its own -l -n -c\n${theirs}\nours\n${ours}`)
    if (fullnat) {
      for (const row of rows) expect(row).toMatch(/ 10\.0\.0\.10[01]:\d+ +10\.0\.0\.[23]:8080$/)
      // What its own makes of the same rows: the destination in the place of the state.
      if (itsOwn !== '') for (const row of mine(theirs)) expect(row).toMatch(/^TCP \d\d:\d\d {2}0A00000[23] /)
    } else if (itsOwn !== '') {
      const withoutTimer = (row: string) => row.replace(/ \d\d:\d\d /, ' ')
      expect(rows.map(withoutTimer).sort()).toEqual(mine(theirs).map(withoutTimer).sort())
    }
    const listed = JSON.parse(
      await works(`connections --json --service`.split(' ').concat(`tcp ${vip.ipv4}:7301`)),
    )
    expect(listed).toHaveLength(2)
    expect(await works(['connections', '--count', '--service', `tcp ${vip.ipv4}:7301`])).toBe('2\n')
  })
})
