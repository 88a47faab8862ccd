// `ipvs-fullnat` typed as ipvsadm is, beside the kernel's own ipvsadm: the same tables before, between and after.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endLab } from './net/end-lab'
import { ipvsadm, program } from './net/ipvsadm'
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

/** The program, as a process of its own. */
function cli(line: string | readonly string[], input = '') {
  const argv = typeof line === 'string' ? line.split(' ') : line
  const script = join(project, 'dist/cli/bin.js')
  const options = { input, encoding: 'utf8' } as const
  const run = spawnSync(process.execPath, [script, '--kernel-timeout', '120', ...argv], options)
  const result = { code: run.status, out: run.stdout, err: run.stderr }
  said.push(`# ipvs-fullnat ${argv.join(' ')}\n${result.err}${result.out}`)
  return result
}

function works(line: string | readonly string[], input = ''): string {
  const { out, ...rest } = cli(line, input)
  expect({ line, ...rest }).toEqual({ line, ...ANSWERED })
  return out
}

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

describe.skipIf(program === '')(
  `ipvs-fullnat beside ipvsadm${program === '' ? ' (there is no ipvsadm for this kernel)' : ''}`,
  () => {
    beforeAll(() => ipvs.flush())
    afterEach(async () => {
      await ipvs.flush()
      await ipvs.timeouts.set(timeouts)
    })

    it('the same after every command that is typed', async () => {
      for (const line of TYPED) {
        works(line)
        expect(works('-L -n')).toBe(await ipvsadm('-L', '-n'))
      }
      for (const line of LISTS) expect(works(line)).toBe(await ipvsadm(...line.split(' ')))
      expect(works(`-L -n -t ${WEB}`)).toBe(await ipvsadm('-L', '-n', '-t', WEB))
      if (fullnat) expect(works(`-G -t ${WEB}`)).toBe(await ipvsadm('-G', '-t', WEB))
      works('-C')
      expect(works('-L -n')).toBe(await ipvsadm('-L', '-n'))
      console.log(`${can.dialect}:\n${said.join('')}`)
    })

    it('each loads what the other saves', async () => {
      for (const line of TYPED.slice(0, -2)) works(line)
      const table = await ipvsadm('-L', '-n')
      const locals = fullnat ? works('-G') : ''
      const ours = works('-S')
      const theirs = await ipvsadm('-S', '-n')
      console.log(`${can.dialect}: its own -S\n${theirs}ours\n${ours}`)

      await ipvs.flush()
      const { status, stderr } = spawnSync(program, ['-R'], { input: ours, encoding: 'utf8' })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(await ipvsadm('-L', '-n')).toBe(table)
      if (fullnat) expect(works('-G')).toBe(locals)

      await ipvs.flush()
      const { code, err } = cli('-R', theirs)
      if (can.dialect === 'fullnat-v2') {
        // Its save says (null) for FULLNAT: which method it was, is lost.
        expect(code).toBe(2)
        expect(err).toMatch(/\(null\)[\s\S]*nothing was changed/)
        expect((await ipvs.snapshot()).services).toEqual([])
        works('-R --null-means fullnat', theirs)
        // It does not say -j either.
        expect(await ipvsadm('-L', '-n')).toBe(table.replace(/ synproxy$/gm, ''))
      } else {
        expect({ code, err }).toEqual(ANSWERED)
        expect(await ipvsadm('-L', '-n')).toBe(table)
      }
      await ipvs.flush()
      works('-R', ours)
      expect(await ipvsadm('-L', '-n')).toBe(table)
      expect(works('-S')).toBe(ours)
    })

    it('a text with an error leaves the table as it was, where ipvsadm-restore empties it', async () => {
      for (const line of TYPED.slice(0, 3)) works(line)
      const table = await ipvsadm('-L', '-n')
      const { code, err } = cli('-R', `-C\n-A -t 192.0.2.9:80 -s rr\n-A -t 192.0.2.9:81 -s\n`)
      expect(code).toBe(2)
      expect(err).toMatch(/^error: standard input:3:\d+: -s needs an argument/)
      expect(await ipvsadm('-L', '-n')).toBe(table)
    })

    it('what the kernel refuses is told with what to do', async () => {
      works(TYPED[0] as string)
      expect(cli(TYPED[0] as string)).toEqual({
        code: 1,
        out: '',
        err: expect.stringMatching(
          /^ipvs-fullnat: EEXIST: service already exists, .*\n {2}Change it with -E/,
        ),
      })
      expect(cli('-D -t 192.0.2.99:80')).toMatchObject({ code: 1, err: expect.stringMatching(/ESRCH/) })
      expect(cli('-A -t 192.0.2.99:80 -s no-such')).toMatchObject({ code: 1, out: '' })
      if (!can.zero) expect(cli('-Z')).toMatchObject({ code: 1, err: expect.stringMatching(/UNSUPPORTED/) })
    })

    it('daemons', async () => {
      const line = `--start-daemon backup --mcast-interface ${INTERFACE} --syncid 3`
      if (fullnat) {
        expect(cli(line)).toMatchObject({ code: 1, err: expect.stringMatching(/--force starts it/) })
        return
      }
      works(line)
      expect(works('-L --daemon')).toBe(await ipvsadm('-L', '--daemon'))
      works('--stop-daemon backup')
      expect(works('-L --daemon')).toBe('')
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
      expect(cli('plan -', state)).toMatchObject({
        code: 2,
        err: '',
        out: expect.stringMatching(/^\+ add service/),
      })
      expect((await ipvs.snapshot()).services).toEqual([])
      expect(cli('apply - --yes', state)).toMatchObject({ code: 0, err: '' })
      expect(cli('plan -', state)).toMatchObject({ code: 0, err: '' })
      const method = fullnat ? 'FullNat' : 'Masq   '
      expect(await ipvsadm('-L', '-n')).toContain(`  -> 198.51.100.2:8080            ${method} 3 `)
    })

    it('sysctl and stats', () => {
      const list = JSON.parse(works('sysctl --json'))
      expect(list.length).toBeGreaterThan(10)
      const name = 'expire_nodest_conn'
      const before = list.find((one: { name: string }) => one.name === name).value
      works(`sysctl set ${name} ${1 - before}`)
      expect(works(`sysctl get ${name}`)).toContain(`${name} = ${1 - before}`)
      works(`sysctl set ${name} ${before}`)
      expect(works('stats')).toMatch(/^total +\d+/m)
    })
  },
)

const cpus = Number(process.env.IPVS_VM_SMP ?? 1)
const canList = can.connectionList && cpus === 1
describe.skipIf(!canList)(`live connections${canList ? '' : ' (this kernel lists none)'}`, () => {
  const LIVE = { protocol: 'tcp', address: vip.ipv4, port: 7301 } as const
  let lab: Lab
  beforeAll(async () => {
    await ipvs.flush()
    lab = await startLab()
    if (!fullnat) await lab.routeBack()
    works(`-A -t ${vip.ipv4}:7301 -s rr`)
    if (fullnat) for (const one of localAddresses.ipv4) works(`-P -t ${vip.ipv4}:7301 -z ${one}`)
    for (const one of realServers.ipv4) works(`-a -t ${vip.ipv4}:7301 -r ${one}:8080 ${method}`)
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
    const ours = works('-l -n -c')
    const rows = mine(ours)
    expect(rows).toHaveLength(2)
    for (const row of rows) expect(row).toMatch(/^TCP \d\d:\d\d {2}ESTABLISHED /)
    const theirs = program === '' ? '(there is no ipvsadm for this kernel)' : await ipvsadm('-L', '-n', '-c')
    console.log(`${can.dialect}: its own -l -n -c\n${theirs}\nours\n${ours}`)
    if (fullnat) {
      for (const row of rows) expect(row).toMatch(/ 10\.0\.0\.10[01]:\d+ +10\.0\.0\.[23]:8080$/)
      // What its own makes of the same rows: the destination in the place of the state.
      if (program !== '')
        for (const row of mine(theirs)) expect(row).toMatch(/^TCP \d\d:\d\d {2}0A00000[23] /)
    } else if (program !== '') {
      const withoutTimer = (row: string) => row.replace(/ \d\d:\d\d /, ' ')
      expect(rows.map(withoutTimer).sort()).toEqual(mine(theirs).map(withoutTimer).sort())
    }
    const listed = JSON.parse(works(`connections --json --service`.split(' ').concat(`tcp ${vip.ipv4}:7301`)))
    expect(listed).toHaveLength(2)
    expect(works(['connections', '--count', '--service', `tcp ${vip.ipv4}:7301`])).toBe('2\n')
  })
})
