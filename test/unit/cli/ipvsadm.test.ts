// Command lines of ipvsadm, as people type them, on fake kernels.
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseListing } from '../../../lib/formats'
import { Director, FakeKernel, Sink } from './support'

const VIP = '192.168.100.1:80'

/** What basic setups type, and what the ipvsadm of each kernel prints of it. */
const SETUP = [
  `-A -t ${VIP} -s rr`,
  `-a -t ${VIP} -r 10.0.0.2:8080 -b -w 100`,
  `-a -t ${VIP} -r 10.0.0.3:8080 -b -w 50`,
  `-P -t ${VIP} -z 10.0.0.100`,
  `-P -t ${VIP} -z 10.0.0.101`,
  '-A -u 192.168.100.1:53 -s wlc',
  '-A -f 7 -s rr',
  '-a -f 7 -r 10.0.0.2 -b',
]

async function set(director: Director, lines: readonly string[] = SETUP): Promise<Director> {
  for (const line of lines) expect(await director.works(line)).toBe('')
  return director
}

/** One of mainline. */
const MAINLINE = [
  `-A -t ${VIP} -s wrr -p 300 -M 255.255.255.0`,
  `-a -t ${VIP} -r 10.0.0.2:8080 -m -w 3 -x 100 -y 40`,
  `-a -t ${VIP} -r 10.0.0.3 -g`,
  `-a -t ${VIP} -r 10.0.0.4 -i --tun-type gue --tun-port 6080 --tun-nocsum`,
  '-A -t [2001:db8::1]:443 -s sh -b sh-fallback,sh-port',
  '-a -t [2001:db8::1]:443 -r [2001:db8::5]:8443 -m',
  '-A -u 192.168.100.1:53 -s rr -o',
  '-A --sctp-service 192.168.100.1:80 -s rr',
  '-A -f 4294967295 -s sed',
]

describe('the table, in the layout of the ipvsadm of each kernel', () => {
  it('fullnat-v2', async () => {
    const director = await set(new Director('fullnat-v2'))
    const listed = `IP Virtual Server version 1.2.1 (size=1048576)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.168.100.1:80 rr
  -> 10.0.0.2:8080                FullNat 100    0          0         
  -> 10.0.0.3:8080                FullNat 50     0          0         
UDP  192.168.100.1:53 wlc
FWM  7 rr
  -> 10.0.0.2:0                   FullNat 1      0          0         
`
    for (const line of ['-L -n', '-l -n', '-Ln', '-ln', '--list --numeric', '']) {
      expect(await director.works(line)).toBe(listed)
    }
    expect(await director.works(`-L -n -t ${VIP}`)).toBe(listed.split('\n').slice(1, 6).concat('').join('\n'))
    expect(await director.works('-G')).toBe(
      `VIP:VPORT            TOTAL    SNAT_IP              CONFLICTS  CONNS     
192.168.100.1:80     2        
                              10.0.0.100           0          0         
                              10.0.0.101           0          0         
192.168.100.1:53     0        
FWM 7                0        
`,
    )
    expect(await director.works(`-G -t ${VIP}`)).toContain('10.0.0.101')
    await set(director, [`-Q -t ${VIP} -z 10.0.0.101`, `-d -t ${VIP} -r 10.0.0.3:8080`])
    await set(director, [`-E -t ${VIP} -s wlc -j enable`, `-D -f 7`])
    expect(await director.works('-ln')).toContain(
      'TCP  192.168.100.1:80 wlc synproxy\n  -> 10.0.0.2:8080                FullNat 100    0          0         \nUDP',
    )
    await set(director, ['-C'])
    expect(await director.works('-ln')).toBe(listed.split('\n').slice(0, 3).concat('').join('\n'))
  })

  it('fullnat-v3 has a column more', async () => {
    const director = await set(new Director('fullnat-v3'), SETUP)
    await set(director, [`-E -t ${VIP} -j enable -V 900`])
    expect(await director.works('-L -n')).toContain(
      '\nProt LocalAddress:Port Scheduler Established(Sec.) Flags\n',
    )
    expect(await director.works('-L -n')).toContain(
      `TCP  192.168.100.1:80  rr        900               synproxy
  -> 10.0.0.2:8080                FullNat 100    0          0         
  -> 10.0.0.3:8080                FullNat 50     0          0         
UDP  192.168.100.1:53  wlc       UnK. or DFLT. 0  
FWM  7                 rr        90               
`,
    )
  })

  it('mainline', async () => {
    const director = await set(new Director('mainline'), MAINLINE)
    const listed = await director.works('-L -n')
    expect(listed.split('\n').slice(3).join('\n')).toBe(
      `TCP  192.168.100.1:80 wrr persistent 300 mask 255.255.255.0
  -> 10.0.0.2:8080                Masq    3      0          0         
  -> 10.0.0.3:80                  Route   1      0          0         
  -> 10.0.0.4:80                  Tunnel  1      0          0         
UDP  192.168.100.1:53 rr ops
SCTP 192.168.100.1:80 rr
TCP  [2001:db8::1]:443 sh (sh-fallback,sh-port)
  -> [2001:db8::5]:8443           Masq    1      0          0         
FWM  4294967295 sed
`,
    )
    expect(await director.works('-L -n --thresholds')).toContain(
      `Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  192.168.100.1:80 wrr persistent 300 mask 255.255.255.0
  -> 10.0.0.2:8080                100        40         0          0         
`,
    )
    expect(await director.works('-L -n --persistent-conn')).toContain(
      `Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn 
`,
    )
    expect(await director.works('-L -n --tun-info')).toContain(
      '  -> 10.0.0.4:80                  Tunnel  gue:6080:-c   1      0          0         \n',
    )
  })

  it('counters, shortened as ipvsadm does, or exact', async () => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    const director = new Director('mainline')
    writeFileSync(director.file, JSON.stringify(kernel.dump()))
    await set(director, [`-A -t ${VIP} -s rr`, `-a -t ${VIP} -r 10.0.0.2:8080 -m`])
    kernel.load(JSON.parse(readFileSync(director.file, 'utf8')))
    const connection = kernel.connect({ client: '198.51.100.7:1000', service: `tcp ${VIP}` })
    connection.traffic({
      inPackets: 99_999_999,
      inBytes: 100_000_000,
      outPackets: 7,
      outBytes: 12_345_678_901,
    })
    kernel.advance(2)
    writeFileSync(director.file, JSON.stringify(kernel.dump()))
    expect(await director.works('-L -n --stats')).toContain(
      `Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.168.100.1:80                    1 99999999        7  100000K   12345M
  -> 10.0.0.2:8080                       1 99999999        7  100000K   12345M
`,
    )
    expect(await director.works('-L -n --stats --exact')).toContain(
      'TCP  192.168.100.1:80                    1 99999999        7 100000000 12345678901\n',
    )
    expect(await director.works('-L -n --rate')).toMatch(
      /^TCP {2}192\.168\.100\.1:80 {18,}\d+ +\d+ +\d+ +\d+[KM]? +\d+[KM]?\n/m,
    )
    expect(await director.works('-L -n -c')).toBe(
      `IPVS connection entries
pro expire state       source             virtual            destination
TCP 14:58  ESTABLISHED 198.51.100.7:1000  192.168.100.1:80   10.0.0.2:8080
`,
    )
    await set(director, ['-Z'])
    expect(await director.works('-L -n --stats')).toMatch(/^TCP {2}192\.168\.100\.1:80( +0){5}$/m)
  })

  it.each(['mainline', 'fullnat-v2', 'fullnat-v3'] as const)(
    'what is printed of %s is read again by parseListing',
    async (dialect) => {
      const director = await set(new Director(dialect), dialect === 'mainline' ? MAINLINE : SETUP)
      for (const line of [
        '-L -n',
        '-L -n --stats',
        '-L -n --rate',
        '-L -n --thresholds',
        '-L -n --persistent-conn',
      ]) {
        const { services, errors } = parseListing(await director.works(line))
        expect(errors).toEqual([])
        expect(services?.length).toBe(dialect === 'mainline' ? 5 : 3)
      }
    },
  )

  it('timeouts and daemons', async () => {
    const director = new Director('mainline')
    await set(director, ['--set 100 0 7'])
    expect(await director.works('-L --timeout')).toBe('Timeout (tcp tcpfin udp): 100 120 7\n')
    expect(await director.works('-L --daemon')).toBe('')
    await set(director, [
      '--start-daemon backup --mcast-interface eth0 --syncid 3',
      '--start-daemon=master --mcast-interface=eth0',
    ])
    expect(await director.works('-L --daemon')).toMatch(
      /^master sync daemon \(mcast=eth0, syncid=0(, \w+=[\d.]+)*\)\nbackup sync daemon \(mcast=eth0, syncid=3(, \w+=[\d.]+)*\)\n$/,
    )
    await set(director, ['--stop-daemon master', '--stop-daemon backup', '--set 0 0 0'])
    expect(await director.works('-L --daemon')).toBe('')
  })

  it('JSON of everything that is read', async () => {
    const director = await set(new Director('fullnat-v2'))
    const read = async (line: string) => JSON.parse(await director.works(`${line} --json`))
    expect(await read('-L -n')).toMatchObject({
      version: '1.2.1',
      connectionTableSize: 1048576,
      services: [{ destinations: [{ weight: 100 }, { weight: 50 }] }, {}, {}],
    })
    expect(await read(`-L -n -t ${VIP}`)).toMatchObject([{ localAddresses: [{ address: '10.0.0.100' }, {}] }])
    expect(await read('-G')).toMatchObject([
      { service: { protocol: 'tcp', port: 80 }, localAddresses: [{ portConflicts: '0' }, {}] },
      { service: { protocol: 'udp' }, localAddresses: [] },
      { service: { fwmark: 7, family: 'ipv4' } },
    ])
    expect(await read('-L -c')).toEqual([])
    expect(await read('-L --timeout')).toEqual({ tcp: 90, tcpFin: 3, udp: 300 })
    expect(await read('-L --daemon')).toEqual([])
    expect(await read('-S')).toMatchObject({ dialect: 'alibaba-v2', losses: [], rules: { length: 8 } })
    expect(await director.type(`-D -t ${VIP} --json`)).toMatchObject({
      code: 2,
      err: expect.stringContaining('--json goes with -L, -G and -S'),
    })
  })
})

describe('connections of a FULLNAT kernel', () => {
  it('have their state and their local address', async () => {
    const kernel = new FakeKernel({ dialect: 'fullnat-v2' })
    const director = new Director('fullnat-v2')
    await set(director, [
      `-A -t ${VIP} -s rr`,
      `-a -t ${VIP} -r 10.0.0.2:8080 -b`,
      `-P -t ${VIP} -z 10.0.0.100`,
    ])
    kernel.load(JSON.parse(readFileSync(director.file, 'utf8')))
    const connection = kernel.connect({ client: '192.168.100.2:59266', service: `tcp ${VIP}` })
    writeFileSync(director.file, JSON.stringify(kernel.dump()))
    const { localPort } = connection
    expect(await director.works('-l -n -c')).toBe(
      `IPVS connection entries
pro expire state       source             virtual            local              destination
TCP 01:30  ESTABLISHED 192.168.100.2:59266 192.168.100.1:80   10.0.0.100:${localPort}    10.0.0.2:8080
`,
    )
    expect(JSON.parse(await director.works('-l -n -c --json'))).toMatchObject([
      { state: 'established', localAddress: { address: '10.0.0.100', port: localPort }, expires: 90 },
    ])
  })

  it('fullnat-v3 shows none, and says what does', async () => {
    const { code, out, err } = await new Director('fullnat-v3').type('-l -n -c')
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/ERR_IPVS_UNSUPPORTED/)
  })
})

describe('rules out and in', () => {
  const OF = { mainline: MAINLINE, 'fullnat-v2': SETUP, 'fullnat-v3': SETUP } as const

  it.each(Object.keys(OF) as (keyof typeof OF)[])('-S | -R of %s makes the same table', async (dialect) => {
    const director = await set(new Director(dialect), OF[dialect])
    const rules = await director.works('-S -n')
    const other = new Director(dialect)
    expect(await other.works('-R', { input: rules })).toBe('')
    expect(await other.works('-S')).toBe(rules)
    expect(await other.works('-L -n')).toBe(await director.works('-L -n'))
    // Loaded again, every rule is there already: as in ipvsadm, each is told and none stops the next one.
    const { code, err } = await other.type('-R', { input: `${rules}-A -f 99 -s rr\n` })
    expect(code).toBe(1)
    expect(err).toMatch(/^standard input:1: EEXIST: service already exists/)
    expect(err).toMatch(/ of \d+ rules failed; the others are done/)
    expect(await other.works('-L -n')).toContain('FWM  99')
  })

  it.each([
    ['a line that cannot be', 2, '-X -t 192.0.2.9:80\n', /no option -X|does not go|no command/],
    ['an option of another dialect', 2, '-A -t 192.0.2.9:80 -s rr --pe sip\n', /--pe/],
    ['(null)', 2, '-A -t 192.0.2.9:80 -s rr\n-a -t 192.0.2.9:80 -r 10.0.0.9:80 (null) -w 1\n', /\(null\)/],
    ['the same twice', 2, '-A -t 192.0.2.9:80 -s rr\n-A -t 192.0.2.9:80 -s rr\n', /is there already/],
    ['bytes that are no text', 2, Buffer.from([0x2d, 0xff, 0xfe]), /not UTF-8/],
    ['a NUL', 2, '-A -t 192.0.2.9:80\0\n', /NUL/],
  ])('with %s nothing is changed, -C included', async (_, exit, wrong, said) => {
    const director = await set(new Director('fullnat-v2'))
    const before = readFileSync(director.file, 'utf8')
    const input = Buffer.concat([Buffer.from('-C\n-A -t 192.0.2.8:80 -s rr\n'), Buffer.from(wrong)])
    const { code, out, err } = await director.type('-R', { input })
    expect([code, out]).toEqual([exit, ''])
    expect(err).toMatch(said)
    expect(readFileSync(director.file, 'utf8')).toBe(before)
  })

  it('(null) is what the caller says it is', async () => {
    const rules = `-A -t ${VIP} -s rr\n-a -t ${VIP} -r 10.0.0.2:80 (null) -w 1\n`
    const director = new Director('fullnat-v2')
    const { code, err } = await director.type('-R', { input: rules })
    expect([code, err]).toEqual([2, expect.stringContaining('give --null-means fullnat.')])
    expect(await director.works('-R --null-means fullnat', { input: rules })).toBe('')
    expect(await director.works('-S')).toContain('-r 10.0.0.2:80 -b -w 1')
    expect(await director.type('-L --null-means fullnat')).toMatchObject({ code: 2 })
  })

  it("changes what is there: whether it is, is the kernel's to say", async () => {
    const director = await set(new Director('fullnat-v2'))
    const input = `-e -t ${VIP} -r 10.0.0.2:8080 -b -w 7\n-D -f 7\n--set 77 0 0\n-E -t ${VIP} -p 60\n-A -f 9 -s rr\n`
    expect(await director.works('-R', { input })).toBe('')
    expect(await director.works('-ln')).toContain(
      'rr persistent 60\n  -> 10.0.0.2:8080                FullNat 7 ',
    )
    expect(await director.works('-L --timeout')).toContain(': 77 ')
    const { code, err } = await director.type('-R', { input: '-D -f 7\n' })
    expect(code).toBe(1)
    expect(err).toMatch(/^standard input:1: ESRCH: /)
  })

  it('takes more rules about what only the kernel knows, and more warnings, than problems are listed', async () => {
    const director = await set(new Director('fullnat-v2'), ['-A -t 192.0.2.1:80 -s rr'])
    const many = (rule: (i: number) => string) =>
      Array.from({ length: 1200 }, (_, i) => `${rule(i)}\n`).join('')
    const address = (i: number) => `10.0.${i >> 8}.${i & 255}`
    await director.works('-R', { input: many((i) => `-a -t 192.0.2.1:80 -r ${address(i)}:80 -m`) })
    expect((await director.works('-Ln')).match(/ Masq /g)).toHaveLength(1200)
    const { code, err } = await director.type('-R', {
      input: many((i) => `-e -t 192.0.2.1:80 -r ${address(i)}:81 -g`),
    })
    expect(code).toBe(0)
    expect(err).toMatch(/\n200 more problems are not shown\n$/)
    expect((await director.works('-Ln')).match(/ Route /g)).toHaveLength(1200)
  })

  it('shows how far it is on a terminal alone', async () => {
    const input = Array.from({ length: 9000 }, (_, i) => `-A -f ${i + 1} -s rr\n`).join('')
    const stderr = new Sink(true, 80)
    const now = Date.now
    let time = 0
    Date.now = () => (time += 1000)
    try {
      await new Director('mainline').type('-R', { input: `${input}-D -f 9999\n`, stderr })
    } finally {
      Date.now = now
    }
    expect(stderr.text).toMatch(/4000 of 9001 rules/)
    // A message takes the place of it, and is no part of it.
    expect(stderr.text).toContain('\r\u001b[Kstandard input:9001: ESRCH')
  })
})

describe('-E', () => {
  it("replaces in mainline, and changes what is named in Alibaba's", async () => {
    const mainline = await set(new Director('mainline'), [`-A -t ${VIP} -s rr -p 60`, `-E -t ${VIP}`])
    expect(await mainline.works('-ln')).toContain('TCP  192.168.100.1:80 wlc\n')
    const v2 = await set(new Director('fullnat-v2'), [`-A -t ${VIP} -s rr -p 60`, `-E -t ${VIP} -j enable`])
    expect(await v2.works('-ln')).toContain('rr persistent 60 synproxy\n')
    await set(v2, [`-E -t ${VIP} -M 255.255.255.0`, `-E -t ${VIP} -p 90 -s wrr`])
    expect(await v2.works('-ln')).toContain('wrr persistent 90 mask 255.255.255.0 synproxy\n')
  })

  it('of a destination sets what is not named to its default, as ipvsadm does', async () => {
    const director = await set(new Director('mainline'), [
      `-A -t ${VIP} -s rr`,
      `-a -t ${VIP} -r 10.0.0.2:80 -m -w 5 -x 9`,
      `-e -t ${VIP} -r 10.0.0.2:80 -m`,
    ])
    expect(await director.works('-S')).toContain('-a -t 192.168.100.1:80 -r 10.0.0.2:80 -m -w 1\n')
  })
})

describe('what is wrong', () => {
  it.each([
    [
      '-A -t 192.0.2.1 -s rr',
      2,
      /^error: there is no port.*\n {2}1 \| -A -t 192\.0\.2\.1 -s rr\n {2} +\^+\n/,
    ],
    ['-A -t 192.0.2.1:80 -s', 2, /-s needs an argument/],
    ['-A', 2, /-A needs -t, -u or -f/],
    ['-a -t 192.0.2.1:80', 2, /-a needs -r/],
    ['-A -t 192.0.2.1:80 --pe sip', 2, /--pe/],
    ['-Y', 2, /no option -Y.*\n.*\n.*\n.*dpvs/],
    ['-L -c -t 192.0.2.1:80', 2, /beside/],
    ['-D -t 192.0.2.1:80', 1, /^ipvs-fullnat: ESRCH: .*, services\.remove tcp 192\.0\.2\.1:80\n/],
    ['-L -n -t 192.0.2.1:80', 1, /ESRCH/],
    ['-G -t 192.0.2.1:80', 1, /ESRCH/],
    ['--start-daemon master', 1, /crashes the backup.*\n {2}--force starts it all the same/],
    ['-A -t 192.0.2.1:80 -s mh', 1, /scheduler 'mh' is not part of this kernel.*\n {2}There are rr, /],
    ['-A -t www:80 -s rr', 2, /name/],
    ['-t 192.0.2.1:80', 2, /the first option, -t, is no command/],
    ['-L -n --cpu 3', 2, /--cpu/],
  ])('%s', async (line, exit, said) => {
    const director = new Director('fullnat-v2')
    const { code, out, err } = await director.type(line)
    expect([code, out]).toEqual([exit, ''])
    expect(err).toMatch(said)
    expect(err).not.toMatch(/ {4}at |\(\)|\bipvs\./)
  })

  it('dashes of a manual that were printed as other ones are taken, and told', async () => {
    const director = new Director('fullnat-v2')
    const { code, err } = await director.type(`–A –t ${VIP} –s wrr`)
    expect(code).toBe(0)
    expect(err).toMatch(/an en dash \(U\+2013\)/)
    expect(await director.works('-ln')).toContain('192.168.100.1:80 wrr')
  })

  it('hints name options, not methods', async () => {
    const director = await set(new Director('fullnat-v2'))
    for (const line of SETUP) {
      const { code, err } = await director.type(line)
      expect(code).toBe(1)
      expect(err).toMatch(/^ipvs-fullnat: EEXIST: .*\n {2}\S.*-[EeG]/)
      expect(err).not.toMatch(/\(\)/)
    }
  })

  it('-b means what the dialect says, which can be named', async () => {
    const director = await set(new Director('mainline'), [`-A -t ${VIP} -s rr`])
    const line = `-a -t ${VIP} -r 10.0.0.2:80 -b -w 1`
    expect(await director.type(line)).toMatchObject({ code: 2 })
    const { code, err } = await director.type(`--dialect alibaba-v2 ${line}`)
    expect([code, err]).toEqual([1, expect.stringMatching(/no FULLNAT.*\n {2}Use masquerade/)])
    expect(await director.type(`--dialect lvs ${line}`)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--dialect lvs: must be one of mainline, alibaba-v2/),
    })
  })
})
