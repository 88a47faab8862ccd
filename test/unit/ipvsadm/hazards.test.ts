// What gets lost or changed between a table, a text and a table, one after the other.
import { describe, expect, it } from 'vitest'
import { formatRules, MOST_RULES, parseListing, parseRules } from '../../../lib/formats'
import { codesOf, complaintsAbout, DIALECTS, said, typed } from './support'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const services = (text: string, dialect: (typeof DIALECTS)[number], more = {}) =>
  parseRules(text, { dialect, ...more }).state.services

describe('hazards', () => {
  it('1: the same letter means another thing in another dialect', () => {
    const line = '-a -t 192.0.2.1:80 -r 10.0.0.5:80 -b -w 100'
    const rules = `-A -t 192.0.2.1:80 -s wrr\n${line}\n`
    for (const dialect of ['alibaba-v2', 'alibaba-v3', 'dpvs'] as const) {
      expect(services(rules, dialect)?.[0]?.destinations).toMatchObject([
        { forwarding: 'fullnat', weight: 100 },
      ])
    }
    // There, -b takes '-w' for its flags.
    expect(codesOf(parseRules(rules, { dialect: 'mainline' }).errors)).toEqual([
      'illegal-option',
      'unexpected-argument',
    ])
    expect(codesOf(parseRules(rules, { dialect: 'mainline' }).warnings)).toEqual(['option-as-argument'])
    expect(said(typed('-V -t 192.0.2.1:80 -k 10.0.0.1', 'alibaba-v3').command)).toBeUndefined()
    expect(codesOf(typed('-V -t 192.0.2.1:80 -k 10.0.0.1', 'dpvs').errors)).toEqual(['not-sayable'])
  })

  it('2: (null) is refused, unless the caller says what it means', () => {
    const rules = '-A -t 192.0.2.1:80 -s wrr\n-a -t 192.0.2.1:80 -r 10.0.0.5:80 (null) -w 100\n'
    const { state, errors } = parseRules(rules, { dialect: 'alibaba-v2' })
    expect(state.services).toMatchObject([{ destinations: [] }])
    expect(errors).toMatchObject([
      { code: 'null-method', line: 2, column: 35, hint: expect.stringContaining('nullMeans') },
    ])
    const read = parseRules(rules, { dialect: 'alibaba-v2', nullMeans: 'fullnat' })
    expect(read.errors).toEqual([])
    expect(read.state.services).toMatchObject([{ destinations: [{ forwarding: 'fullnat', weight: 100 }] }])
    // Mainline prints it for bypass, too, and has no FULLNAT.
    expect(complaintsAbout(rules, 'mainline', { nullMeans: 'fullnat' }).errors).toEqual(['null-method 2:35'])
    const twice = rules.replace('(null)', '(null) -m')
    expect(complaintsAbout(twice, 'alibaba-v2', { nullMeans: 'fullnat' }).errors).toEqual([
      'unexpected-argument 2:35',
    ])
    expect(complaintsAbout('-A -t 192.0.2.1:80 (null)', 'alibaba-v2').errors).toEqual([
      'unexpected-argument 1:20',
    ])
  })

  it("3: Alibaba's pe and ops without dashes", () => {
    const line = '-A -u 192.0.2.1:53 -s rr -p 60 pe sip ops -j disable'
    for (const dialect of ['alibaba-v2', 'alibaba-v3'] as const) {
      const { errors, warnings, command } = typed(line, dialect)
      expect([codesOf(errors), codesOf(warnings)]).toEqual([[], ['refused-by-ipvsadm', 'refused-by-ipvsadm']])
      expect(command).toMatchObject({
        config: { onePacket: true, persistence: { timeout: 60, engine: 'sip' } },
      })
    }
    for (const dialect of ['mainline', 'dpvs'] as const) {
      expect(codesOf(typed(line.replace(' -j disable', ''), dialect).errors)).toEqual(['unexpected-argument'])
    }
  })

  it('4: -p with and without an argument', () => {
    const persistence = (line: string) => typed(`-A -t 192.0.2.1:80 ${line}`, 'mainline').command
    expect(persistence('-p')).toMatchObject({ config: { persistence: { timeout: 360 } } })
    expect(persistence('-p -M 255.255.255.0')).toMatchObject({
      config: { persistence: { timeout: 360, netmask: '255.255.255.0' } },
    })
    expect(persistence('-p 5 -M 255.255.255.0')).toMatchObject({ config: { persistence: { timeout: 5 } } })
    expect(codesOf(typed('-A -t 192.0.2.1:80 -p 0', 'mainline').errors)).toEqual(['out-of-range'])
    const { command, warnings } = typed('-A -t 192.0.2.1:80 -M 255.255.255.0', 'mainline')
    expect(command).toMatchObject({ netmask: '255.255.255.0', config: {} })
    expect(codesOf(warnings)).toEqual(['no-effect'])
  })

  it('5: marks above 2^31 are printed negative', () => {
    const { state, errors, warnings } = parseRules('-A -f -5 -s rr\n-a -f -5 -r 10.0.0.5:0 -m', {
      dialect: 'mainline',
    })
    expect([codesOf(errors), codesOf(warnings)]).toEqual([[], ['negative-fwmark', 'negative-fwmark']])
    expect(state.services).toMatchObject([{ fwmark: 4294967291, destinations: [{ address: '10.0.0.5' }] }])
    for (const dialect of DIALECTS)
      expect(formatRules(state, { dialect }).text).toMatch(/^-A -f 4294967291 -s rr/)
    expect(codesOf(typed('-A -f -2147483649', 'mainline').errors)).toEqual(['out-of-range'])
    expect(typed('-A -f -2147483648', 'mainline').command).toMatchObject({ service: { fwmark: 2147483648 } })
  })

  it('6: -6 after -f', () => {
    expect(typed('-A -f 7 -6 -s rr', 'mainline').command).toMatchObject({
      service: { fwmark: 7, family: 'ipv6' },
    })
    expect(codesOf(typed('-A -6 -f 7 -s rr', 'mainline').errors)).toEqual(['order'])
  })

  it('7: no port, port 0 of IPv6, -r without a port', () => {
    expect(codesOf(typed('-A -t 192.0.2.1 -s rr', 'mainline').errors)).toEqual(['no-port'])
    expect(typed('-A -t 192.0.2.1 -p', 'mainline').command).toMatchObject({ service: { port: 0 } })
    expect(typed('-A -t [2001:db8::1]:0 -p', 'mainline').command).toMatchObject({ service: { port: 0 } })
    // A save of what another tool made.
    const { command, warnings } = typed('-A -t 192.0.2.1:0 -s rr', 'mainline')
    expect(command).toMatchObject({ service: { port: 0 } })
    expect(codesOf(warnings)).toEqual(['refused-by-ipvsadm'])
    expect(typed('-a -t 192.0.2.1:80 -r 10.0.0.5 -m', 'mainline').command).toMatchObject({
      destination: { port: 80 },
    })
    const early = typed('-a -r 10.0.0.5 -t 192.0.2.1:80 -m', 'mainline')
    expect([early.command, codesOf(early.warnings)]).toMatchObject([
      { destination: { port: 0 } },
      ['no-port'],
    ])
    const dpvs = typed('-a -t 192.0.2.1:80 -r 10.0.0.5 -b', 'dpvs')
    expect([dpvs.command, codesOf(dpvs.warnings)]).toMatchObject([{ destination: { port: 0 } }, ['no-port']])
    expect(typed('-d -t 192.0.2.1:80 -r 10.0.0.5', 'mainline').command).toMatchObject({
      destination: { port: 80 },
    })
  })

  it('8: -g and -i take the port of the service, whatever is given', () => {
    for (const method of ['', '-g', '-i']) {
      const { command, warnings } = typed(`-a -t 192.0.2.1:80 -r 10.0.0.5:8080 ${method}`, 'alibaba-v2')
      expect(command).toMatchObject({ destination: { address: '10.0.0.5', port: 80 } })
      expect(codesOf(warnings)).toEqual(['port-forced'])
    }
    const { text, losses } = formatRules(
      {
        services: [
          {
            ...WEB,
            destinations: [
              { address: '10.0.0.5', port: 8080, forwarding: 'direct-route' },
              { address: '10.0.0.5', port: 8081, forwarding: 'tunnel' },
            ],
          },
        ],
      },
      { dialect: 'mainline' },
    )
    expect(text).toBe('-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 10.0.0.5:80 -g -w 1\n')
    expect(losses).toMatchObject([
      { property: 'port', value: 8080, destination: { port: 8080 } },
      { property: undefined, destination: { port: 8081 } },
    ])
  })

  it("9: dashes of Alibaba's manual are told by their names, and taken", () => {
    const { command, warnings } = typed('–A –t 192.0.2.1:80 —s wrr –synproxy=enable −p', 'alibaba-v2')
    expect(command).toMatchObject({
      command: 'add-service',
      config: { scheduler: 'wrr', synproxy: true, persistence: { timeout: 360 } },
    })
    expect(
      warnings.map(({ code, message, column }) => [code, column, /an? [^']*\)/.exec(message)?.[0]]),
    ).toEqual([
      ['dash', 1, 'an en dash (U+2013)'],
      ['dash', 4, 'an en dash (U+2013)'],
      ['dash', 20, 'an em dash (U+2014)'],
      ['dash', 27, 'an en dash (U+2013)'],
      ['dash', 44, 'a minus sign (U+2212)'],
    ])
    expect(typed('––set 1 2 3', 'mainline').command).toMatchObject({ command: 'set-timeouts' })
    expect(typed('‑A -t 192.0.2.1:80', 'mainline').warnings[0]?.message).toContain('U+2011')
  })

  it('10: what v3 misprints of local addresses is refused, and why is told', () => {
    const rules = [
      '-A -t 192.0.2.1:80 -s rr -j disable',
      '-A -t [2001:db8::1]:80 -s rr -j disable',
      '-A -f 7 -s rr -j disable',
      '-P -t 192.0.2.1:80 -z 10.1.0.1',
      '-P -t [2001:db8::1]:80 -z 253.0.0.1',
      '-P -t 0.0.0.0:0 -z 10.1.0.1',
      '-P -t [::]:0 -z 253.0.0.1',
      '-Q -t 0.0.0.0:0 -z 10.1.0.1',
    ].join('\n')
    const { errors, state } = parseRules(rules, { dialect: 'alibaba-v3' })
    expect(errors.map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual([
      'misprinted-local-address 5:27',
      'misprinted-service 6:7',
      'misprinted-service 7:7',
      'misprinted-service 8:7',
    ])
    expect(errors[0]?.message).toContain('253.0.0.1 is fd00:1:…')
    // No opinion where the save tells nothing.
    expect(state.services?.map(({ localAddresses }) => localAddresses)).toEqual([
      ['10.1.0.1'],
      undefined,
      undefined,
    ])
  })

  it('11: prompts, masked addresses and collapsed blanks of a pasted listing', () => {
    const text = [
      '[root@lvs ~]# ipvsadm -ln',
      'IP Virtual Server version 1.2.1 (size=4096)',
      'Prot LocalAddress:Port Scheduler Flags',
      '-> RemoteAddress:Port Forward Weight ActiveConn InActConn',
      'TCP 192.0.2.1:80 rr',
      '-> 10.0.0.5:80 Masq 1 0 0',
      'TCP VIP:80 rr',
      '  -> 10.0.0.6:80  Masq    1      0          0',
      'TCP  <prefix>.20:80 rr',
      'TCP  192.0.x.1:80 rr',
      'TCP  192.0.*.1:80 rr',
      'TCP  web.example:http rr',
    ].join('\n')
    const { services: found, errors, connectionTableSize } = parseListing(text)
    expect(found).toMatchObject([
      { key: WEB, destinations: [{ address: '10.0.0.5', forwarding: 'masquerade' }] },
    ])
    expect(connectionTableSize).toBe(4096)
    expect(errors.map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual([
      'prompt 1:1',
      'masked-address 7:5',
      'masked-address 9:6',
      'masked-address 10:6',
      'masked-address 11:6',
      'name 12:6',
    ])
  })

  it('12: thresholds, timeouts and daemons are written as every dialect reads them', () => {
    const state = {
      timeouts: { tcp: 900, udp: 300 },
      daemons: [{ state: 'master', interface: 'eth1', syncId: 7 }],
      services: [
        {
          ...WEB,
          destinations: [
            { address: '10.0.0.5', port: 80, forwarding: 'masquerade', upperThreshold: 9, lowerThreshold: 3 },
          ],
        },
      ],
    } as const
    for (const dialect of DIALECTS) {
      const { text, losses } = formatRules(state, { dialect })
      expect(losses).toEqual([])
      expect(text.replace(' -j disable', '')).toBe(
        [
          '--set 900 0 300',
          '-A -t 192.0.2.1:80 -s wlc',
          '-a -t 192.0.2.1:80 -r 10.0.0.5:80 -m -w 1 -x 9 -y 3',
          '--start-daemon master --mcast-interface eth1 --syncid 7',
          '',
        ].join('\n'),
      )
      expect(parseRules(text, { dialect }).state).toMatchObject(state)
    }
  })

  it('13: carriage returns, blanks at the end, and no newline at the end', () => {
    const rules = '-A -t 192.0.2.1:80 -s rr\r\n\r\n  -a -t 192.0.2.1:80 -r 10.0.0.5 -m \t\r\n-A -f 7 -s wlc'
    const { state, errors, warnings } = parseRules(rules, { dialect: 'mainline' })
    expect([errors, warnings]).toEqual([[], []])
    expect(state.services).toMatchObject([{ destinations: [{ address: '10.0.0.5' }] }, { fwmark: 7 }])
    expect(complaintsAbout(`${rules} `, 'mainline')).toEqual({ errors: [], warnings: ['lost-line 4:1'] })
    expect(complaintsAbout(`${rules} \n`, 'mainline')).toEqual({ errors: [], warnings: [] })
  })

  it('14: shortened numbers are approximate', () => {
    const text = [
      'IP Virtual Server version 1.2.1 (size=4096)',
      'Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes',
      '  -> RemoteAddress:Port',
      'TCP  192.0.2.1:80                 99999999  100000K   12345M   12345G 18446744T',
      '  -> 10.0.0.5:80                         1        2        3        4 18446744073709551615',
    ].join('\n')
    const { services: found, errors } = parseListing(text)
    expect(errors).toEqual([])
    const exact = (value: bigint) => ({ value, approximate: false })
    const about = (value: bigint) => ({ value, approximate: true })
    expect(found?.[0]?.stats).toEqual({
      connections: exact(99999999n),
      inPackets: about(100000000n),
      outPackets: about(12345000000n),
      inBytes: about(12345000000000n),
      outBytes: about(18446744000000000000n),
    })
    expect(found?.[0]?.destinations[0]?.stats?.outBytes).toEqual(exact(18446744073709551615n))
    // Wide columns touch.
    const touching = text.replace('12345G 18446744T', '18446744T18446744T')
    expect(parseListing(touching).services?.[0]?.stats?.inBytes).toEqual(about(18446744000000000000n))
  })

  it('15: doubled blanks and tabs, comments, and the word ipvsadm', () => {
    const rules = '# ipvsadm.rules\nipvsadm -A  -t\t192.0.2.1:80 ipvsadm -s  rr\n#-A -f 9\n'
    const { state, errors, warnings } = parseRules(rules, { dialect: 'mainline' })
    expect([errors, warnings]).toEqual([[], []])
    expect(state.services).toMatchObject([{ ...WEB, scheduler: 'rr' }])
    expect(complaintsAbout(' # x\n-C # x\n/sbin/ipvsadm -C', 'mainline').errors).toEqual([
      ...['no-command 1:2', 'unexpected-argument 2:4', 'unexpected-argument 3:1'],
    ])
    // The argument goes with it.
    expect(complaintsAbout('-A -f 7 -s ipvsadm', 'mainline').errors).toEqual(['missing-argument 1:9'])
    const { text } = formatRules({ services: [{ fwmark: 7, scheduler: 'ipvsadm' }] }, { dialect: 'mainline' })
    expect(text).toBe('-A -f 7 --scheduler=ipvsadm\n')
    expect(services(text, 'mainline')).toMatchObject([{ scheduler: 'ipvsadm' }])
  })
})

describe('what rules make of an empty table', () => {
  const table = (lines: string[], dialect: (typeof DIALECTS)[number]) =>
    parseRules(lines.join('\n'), { dialect })

  it('an edit replaces in mainline, and merges elsewhere', () => {
    const lines = ['-A -t 192.0.2.1:80 -s wrr -p 60 -M 255.255.0.0', '-E -t 192.0.2.1:80 -s lc']
    expect(table(lines, 'mainline').state.services).toMatchObject([{ scheduler: 'lc', persistence: null }])
    const merged = { scheduler: 'lc', persistence: { timeout: 60, netmask: '255.255.0.0' } }
    for (const dialect of ['alibaba-v2', 'alibaba-v3', 'dpvs'] as const) {
      expect(table(lines, dialect).state.services).toMatchObject([merged])
    }
    const more = ['-A -t 192.0.2.1:80 -s wrr -j enable', '-E -t 192.0.2.1:80 -p 5 -M 255.0.0.0']
    expect(table(more, 'alibaba-v2').state.services).toMatchObject([
      { scheduler: 'wrr', synproxy: true, persistence: { timeout: 5, netmask: '255.0.0.0' } },
    ])
    expect(table([...more, '-E -t 192.0.2.1:80 -j disable'], 'alibaba-v2').state.services).toMatchObject([
      { synproxy: false, persistence: { timeout: 5 } },
    ])
  })

  it('a netmask waits for persistence where edits merge', () => {
    const lines = ['-A -f 7 -s rr -M 255.255.0.0', '-E -f 7 -p 5']
    const persistence = (dialect: (typeof DIALECTS)[number]) =>
      table(lines, dialect).state.services?.[0]?.persistence
    expect(persistence('alibaba-v2')).toEqual({ timeout: 5, netmask: '255.255.0.0' })
    expect(persistence('mainline')).toEqual({ timeout: 5 })
    const later = table(['-A -f 7 -p 5', '-E -f 7 -M 255.0.0.0'], 'dpvs').state.services
    expect(later?.[0]?.persistence).toEqual({ timeout: 5, netmask: '255.0.0.0' })
  })

  it('a timeout of its own is kept by v3, and reset by dpvs', () => {
    const edited = (option: string, dialect: 'alibaba-v3' | 'dpvs') =>
      table([`-A -t 192.0.2.1:80 -s rr ${option} 77`, '-E -t 192.0.2.1:80 -s lc'], dialect).state
        .services?.[0]
    expect(edited('-V', 'alibaba-v3')?.establishedTimeout).toBe(77)
    expect(edited('--conn-timeout', 'dpvs')?.establishedTimeout).toBeUndefined()
  })

  it('a destination is replaced everywhere, its thresholds go', () => {
    for (const dialect of DIALECTS) {
      const lines = ['-A -f 7 -s rr', '-a -f 7 -r 10.0.0.5:1 -m -w 5 -x 9 -y 3', '-e -f 7 -r 10.0.0.5:1 -i']
      expect(table(lines, dialect).state.services?.[0]?.destinations).toMatchObject([
        {
          address: '10.0.0.5',
          port: 1,
          forwarding: 'tunnel',
          weight: 1,
          upperThreshold: 0,
          lowerThreshold: 0,
        },
      ])
      expect(table(lines.slice(0, 2), dialect).state.services?.[0]?.destinations).toMatchObject([
        { weight: 5, upperThreshold: 9, lowerThreshold: 3 },
      ])
    }
  })

  it('-D, -d, -Q and -C remove, and what is not there is an error', () => {
    const lines = [
      '-A -f 1 -s rr',
      '-A -f 2 -s rr',
      '-a -f 2 -r 10.0.0.5:0 -m',
      '-a -f 2 -r 10.0.0.6:0 -m',
      '-P -f 2 -z 10.1.0.1',
      '-P -f 2 -z 10.1.0.2',
      '-D -f 1',
      '-d -f 2 -r 10.0.0.5:0',
      '-Q -f 2 -z 10.1.0.1',
    ]
    const { state, errors } = table(lines, 'alibaba-v2')
    expect(errors).toEqual([])
    expect(state.services).toMatchObject([
      { fwmark: 2, destinations: [{ address: '10.0.0.6' }], localAddresses: ['10.1.0.2'] },
    ])
    expect(table([...lines, '-C'], 'alibaba-v2').state.services).toEqual([])
    expect(codesOf(table([...lines, ...lines.slice(6)], 'alibaba-v2').errors)).toEqual([
      'not-there',
      'not-there',
      'not-there',
    ])
    expect(
      codesOf(table([...lines, '-A -f 2', lines[3] as string, lines[5] as string], 'alibaba-v2').errors),
    ).toEqual([...['exists', 'exists', 'exists']])
    const missing = [
      '-E -f 3',
      '-D -f 3',
      '-a -f 3 -r 10.0.0.1:0',
      '-e -f 2 -r 10.0.0.9:0',
      '-P -f 3 -z 10.1.0.1',
      '-Z -f 3',
    ]
    expect(codesOf(table([...lines, ...missing], 'alibaba-v2').errors)).toEqual(
      missing.map(() => 'not-there'),
    )
  })

  it('a merging -E keeps the mask that an -E before it named', () => {
    const lines = ['-A -f 2 -s rr', '-E -f 2 -M 255.255.255.0', '-E -f 2 -p 90']
    expect(table(lines, 'alibaba-v2').state.services).toMatchObject([
      { persistence: { timeout: 90, netmask: '255.255.255.0' } },
    ])
  })

  it('what no rule has added may be there where the table is not known', () => {
    const lines = [
      '-D -f 3',
      '-a -f 3 -r 10.0.0.1:0',
      '--stop-daemon master',
      '-A -f 2',
      '-d -f 2 -r 10.0.0.9:0',
    ]
    const parse = (more: readonly string[]) =>
      parseRules([...lines, ...more].join('\n'), { dialect: 'mainline', table: 'unknown' })
    expect(parse([]).errors).toEqual([])
    expect(parse([]).commands).toHaveLength(lines.length)
    expect(codesOf(parse(['-A -f 2']).errors)).toEqual(['exists'])
    expect(() => parseRules('', { dialect: 'mainline', table: 'full' as never })).toThrow(
      expect.objectContaining({ field: 'options.table' }),
    )
  })

  it('daemons are there once, and go', () => {
    const start = '--start-daemon master --syncid 5'
    expect(table([start, '--start-daemon backup'], 'mainline').state.daemons).toEqual([
      { state: 'master', interface: 'eth0', syncId: 5 },
      { state: 'backup', interface: 'eth0' },
    ])
    expect(table([start, '--stop-daemon master'], 'mainline').state).toEqual({ services: [] })
    expect(codesOf(table([start, start], 'mainline').errors)).toEqual(['exists'])
    expect(codesOf(table(['--stop-daemon master'], 'mainline').errors)).toEqual(['not-there'])
    expect(codesOf(table([start, '--stop-daemon master --syncid 5'], 'mainline').warnings)).toEqual([
      'no-effect',
    ])
  })

  it('what only shows something is told', () => {
    expect(complaintsAbout('-L -n\n-Z\n-S', 'mainline')).toEqual({
      errors: [],
      warnings: ['no-rule 1:1', 'no-rule 3:1'],
    })
    expect(complaintsAbout('-R\n-h\n-v', 'mainline').errors).toEqual([
      'no-rule 1:1',
      'no-rule 2:1',
      'no-rule 3:1',
    ])
  })

  it('what no save keeps is no opinion', () => {
    const [line] = ['-A -t 192.0.2.1:80 -s rr']
    expect(table([line], 'mainline').state.services).toEqual([
      { ...WEB, scheduler: 'rr', persistence: null, onePacket: false, schedulerFlags: [], destinations: [] },
    ])
    const plain = { ...WEB, scheduler: 'rr', persistence: null, onePacket: false, destinations: [] }
    expect(table([line], 'alibaba-v2').state.services).toEqual([plain])
    expect(table([line], 'dpvs').state.services).toEqual([plain])
    expect(table([line], 'alibaba-v3').state.services).toEqual([
      { ...plain, synproxy: false, localAddresses: [] },
    ])
  })
})

describe('names and odd forms', () => {
  const resolver = {
    host: (name: string) => ({ 'web.example': '192.0.2.1', six: '2001:db8::1' })[name],
    service: (name: string, protocol: string | undefined) =>
      name === 'http' && protocol === 'tcp' ? 80 : undefined,
  }

  it('are looked up by the caller alone', () => {
    const { command, errors } = typed('-A -t web.example:http -s rr', 'mainline', { resolver })
    expect(errors).toEqual([])
    expect(command).toMatchObject({ service: WEB })
    for (const [line, code] of [
      ['-A -t nowhere:http', 'unknown-name'],
      ['-A -t six:80', 'unknown-name'],
      ['-A -t 192.0.2.1:https', 'unknown-name'],
      ['-A -u 192.0.2.1:http', 'unknown-name'],
      ['-A -t VIP:80', 'unknown-name'],
      ['-A -t <VIP>:80', 'not-an-address'],
    ] as const) {
      expect(codesOf(typed(line, 'mainline', { resolver }).errors)).toEqual([code])
    }
  })

  it.each([
    ['10.1', '10.0.0.1'],
    ['192.0.513', '192.0.2.1'],
    ['0xc0000201', '192.0.2.1'],
    ['0300.0.02.1', '192.0.2.1'],
    ['0xC0.0.2.1', '192.0.2.1'],
  ])('%s is %s, as inet_aton has it, with a warning', (text, address) => {
    const { command, warnings } = typed(`-A -t ${text}:80`, 'mainline')
    expect(command).toMatchObject({ service: { address } })
    expect(codesOf(warnings)).toEqual(['odd-address'])
  })

  it.each(['1.2.3.4.5', '256.1', '1.2.65536', '0x1ffffffff.1', '08.0.0.1', '1..2', '.1'])(
    '%s is none',
    (text) => {
      expect(codesOf(typed(`-A -t ${text}:80`, 'mainline').errors)).toEqual(['not-an-address'])
    },
  )

  it('a switch with more letters is what ipvsadm takes it for', () => {
    const { command, warnings } = typed('-A -t 192.0.2.1:80 -j enabled', 'alibaba-v2')
    expect(command).toMatchObject({ config: { synproxy: true } })
    expect(codesOf(warnings)).toEqual(['odd-switch'])
  })
})

describe('limits', () => {
  it('so many rules, and the rest is not read', () => {
    const rules = '-C\n'.repeat(MOST_RULES)
    expect(parseRules(rules, { dialect: 'mainline' }).commands).toHaveLength(MOST_RULES)
    const { commands, errors } = parseRules(`${rules}-C\n-K\n`, { dialect: 'mainline' })
    expect(commands).toHaveLength(MOST_RULES)
    expect(errors).toMatchObject([{ code: 'too-many-rules', line: MOST_RULES + 1 }])
  })

  it('so many problems, and the rest is counted', () => {
    const { errors, omitted } = parseRules('-K\n'.repeat(1005), { dialect: 'mainline' })
    expect([errors.length, omitted]).toEqual([1000, 5])
  })

  it('a text that is none is thrown out', () => {
    for (const text of ['-A\0', Buffer.from([0xff]), `-A ${'x'.repeat(70000)}`]) {
      expect(() => parseRules(text, { dialect: 'mainline', file: 'f' })).toThrow(/^f:1:/)
      expect(() => parseListing(text, { file: 'f' })).toThrow(/^f:1:/)
    }
  })
})
