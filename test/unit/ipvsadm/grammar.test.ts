// The grammar of rules: what popt takes, what the tables of each ipvsadm allow, and what a line says.
import { describe, expect, it } from 'vitest'
import type { RulesDialect } from '../../../lib/formats'
import { parseCommand, parseRules } from '../../../lib/formats'
import { codesOf, complaintsAbout, DIALECTS, said, typed } from './support'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const add = (config: object, service: object = WEB) => ({ command: 'add-service', service, config })
const real = (
  config: object,
  destination: object = { address: '10.0.0.5', port: 80 },
  service: object = WEB,
) => ({
  command: 'add-destination',
  service,
  destination,
  config,
})
const ROUTE = { forwarding: 'direct-route' }

describe('what a line says', () => {
  const everywhere: [string, object][] = [
    ['-A -t 192.0.2.1:80', add({})],
    ['-A -t 192.0.2.1:80 -s wrr', add({ scheduler: 'wrr' })],
    ['-s wrr -A -t 192.0.2.1:80', {}],
    ['--add-service --tcp-service=192.0.2.1:80 --scheduler wrr', add({ scheduler: 'wrr' })],
    ['-At 192.0.2.1:80 -swrr', add({ scheduler: 'wrr' })],
    ['-At192.0.2.1:80 -s=wrr', add({ scheduler: 'wrr' })],
    ['-A -u 192.0.2.1:53 -o', add({ onePacket: true }, { protocol: 'udp', address: '192.0.2.1', port: 53 })],
    ['-A -t [2001:DB8:0::1]:80', add({}, { protocol: 'tcp', address: '2001:db8::1', port: 80 })],
    ['-A -t 192.0.2.1:80 -p', add({ persistence: { timeout: 360 } })],
    ['-A -t 192.0.2.1:80 -p60', add({ persistence: { timeout: 60 } })],
    ['-A -t 192.0.2.1:80 --persistent=60', add({ persistence: { timeout: 60 } })],
    ['-A -t 192.0.2.1:80 -p -M 255.255.0.0', add({ persistence: { timeout: 360, netmask: '255.255.0.0' } })],
    ['-A -M 255.255.0.0 -t 192.0.2.1:80 -p 7', add({ persistence: { timeout: 7, netmask: '255.255.0.0' } })],
    [
      '-A -t [2001:db8::1]:80 -p 7 -M 64',
      add(
        { persistence: { timeout: 7, netmask: 64 } },
        { protocol: 'tcp', address: '2001:db8::1', port: 80 },
      ),
    ],
    ['-A -f 7', add({}, { fwmark: 7, family: 'ipv4' })],
    ['-A -f 7 -6', add({}, { fwmark: 7, family: 'ipv6' })],
    [
      '-E -f 4294967295 -s rr',
      { ...add({ scheduler: 'rr' }, { fwmark: 4294967295, family: 'ipv4' }), command: 'edit-service' },
    ],
    ['-D -t 192.0.2.1:80', { command: 'remove-service', service: WEB }],
    ['-C', { command: 'flush' }],
    ['--clear', { command: 'flush' }],
    ['-Z', { command: 'zero' }],
    ['-Zt 192.0.2.1:80', { command: 'zero', service: WEB }],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5', real(ROUTE)],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5 -m', real({ forwarding: 'masquerade' })],
    [
      '-at 192.0.2.1:80 -r 10.0.0.5:8080 -m -w 0 -x 10 -y 5',
      real(
        { forwarding: 'masquerade', weight: 0, upperThreshold: 10, lowerThreshold: 5 },
        { address: '10.0.0.5', port: 8080 },
      ),
    ],
    [
      '-e -t 192.0.2.1:80 -r 10.0.0.5:80 -i',
      { ...real({ forwarding: 'tunnel' }), command: 'edit-destination' },
    ],
    [
      '-a -f 7 -r 10.0.0.5:8080 -g',
      real(ROUTE, { address: '10.0.0.5', port: 8080 }, { fwmark: 7, family: 'ipv4' }),
    ],
    ['-a -f 7 -r 10.0.0.5', real(ROUTE, { address: '10.0.0.5', port: 0 }, { fwmark: 7, family: 'ipv4' })],
    [
      '-a -f 7 -6 -r 2001:db8::5 -i',
      real({ forwarding: 'tunnel' }, { address: '2001:db8::5', port: 0 }, { fwmark: 7, family: 'ipv6' }),
    ],
    [
      '-d -t 192.0.2.1:80 -r 10.0.0.5:81',
      { command: 'remove-destination', service: WEB, destination: { address: '10.0.0.5', port: 81 } },
    ],
    ['--set 900 0 300', { command: 'set-timeouts', timeouts: { tcp: 900, udp: 300 } }],
    ['--set 0 0 0', { command: 'set-timeouts', timeouts: {} }],
    [
      '--start-daemon backup --mcast-interface eth1 --syncid 9',
      { command: 'start-daemon', daemon: { state: 'backup', interface: 'eth1', syncId: 9 } },
    ],
    ['--stop-daemon=master', { command: 'stop-daemon', state: 'master' }],
    ['-S', { command: 'save', numeric: false }],
    ['-Sn', { command: 'save', numeric: true }],
    ['-R', { command: 'restore' }],
    ['-h', { command: 'help' }],
    ['--version', { command: 'version' }],
  ]
  const cases = everywhere.filter(([, expected]) => Object.keys(expected).length > 0)
  for (const dialect of DIALECTS) {
    it.each(cases)(`${dialect}: %s`, (line, expected) => {
      // dpvs alone takes no port from the service; everything else is the same.
      const withPort = dialect === 'dpvs' ? line.replace(/ -r 10\.0\.0\.5( -m)?$/, ' -r 10.0.0.5:80$1') : line
      const marked = line.includes('-f 7') ? line : withPort
      const { command, errors, warnings } = typed(marked, dialect)
      expect([errors, warnings]).toEqual([[], []])
      expect(said(command)).toEqual(expected)
    })
  }

  it.each<[RulesDialect, string, object]>([
    ['mainline', '-A --sctp-service 192.0.2.1:80', add({}, { ...WEB, protocol: 'sctp' })],
    ['mainline', '-A -t 192.0.2.1:80 -p 5 --pe sip', add({ persistence: { timeout: 5, engine: 'sip' } })],
    [
      'mainline',
      '-A -t 192.0.2.1:80 -s sh -b sh-port,sh-fallback',
      add({ scheduler: 'sh', schedulerFlags: ['flag-1', 'flag-2'] }),
    ],
    ['mainline', '-A -t 192.0.2.1:80 -b mh-port -s mh', add({ scheduler: 'mh', schedulerFlags: ['flag-2'] })],
    ['mainline', '-A -t 192.0.2.1:80 -b flag-3,,flag-1', add({ schedulerFlags: ['flag-1', 'flag-3'] })],
    [
      'mainline',
      '-a -t 192.0.2.1:80 -r 10.0.0.5 -i --tun-type ipip',
      real({ forwarding: 'tunnel', tunnel: { type: 'ipip' } }),
    ],
    [
      'mainline',
      '-a -t 192.0.2.1:80 -r 10.0.0.5 -i --tun-type gue --tun-port 6080 --tun-remcsum',
      real({ forwarding: 'tunnel', tunnel: { type: 'gue', port: 6080, checksum: 'remote' } }),
    ],
    [
      'mainline',
      '-a -t 192.0.2.1:80 -r 10.0.0.5 -i --tun-type gre --tun-csum',
      real({ forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'full' } }),
    ],
    [
      'mainline',
      '-a -t 192.0.2.1:80 -r [2001:db8::5]:80 -i',
      real({ forwarding: 'tunnel' }, { address: '2001:db8::5', port: 80 }),
    ],
    [
      'mainline',
      '--start-daemon master --sync-maxlen 1400 --mcast-group ff02::5 --mcast-port 9000 --mcast-ttl 3',
      {
        command: 'start-daemon',
        daemon: {
          state: 'master',
          interface: 'eth0',
          syncMaxLength: 1400,
          multicastGroup: 'ff02::5',
          multicastPort: 9000,
          multicastTtl: 3,
        },
      },
    ],
    ['alibaba-v2', '-a -t 192.0.2.1:80 -r 10.0.0.5 -b', real({ forwarding: 'fullnat' })],
    ['alibaba-v2', '-A -t 192.0.2.1:80 -j enable', add({ synproxy: true })],
    ['alibaba-v2', '-E -t 192.0.2.1:80 -j disable', { ...add({ synproxy: false }), command: 'edit-service' }],
    [
      'alibaba-v2',
      '-Pt 192.0.2.1:80 -z 10.1.0.1',
      { command: 'add-local-address', service: WEB, localAddress: '10.1.0.1' },
    ],
    [
      'alibaba-v2',
      '-Q -f 7 -z 10.1.0.1',
      { command: 'remove-local-address', service: { fwmark: 7, family: 'ipv4' }, localAddress: '10.1.0.1' },
    ],
    ['alibaba-v2', '-G', { command: 'list-local-addresses' }],
    ['alibaba-v2', '--get-laddr -t 192.0.2.1:80', { command: 'list-local-addresses', service: WEB }],
    ['alibaba-v3', '-A -t 192.0.2.1:80 -V 900 -j enable', add({ establishedTimeout: 900, synproxy: true })],
    ['alibaba-v3', '-A -t 192.0.2.1:80 --vsestablish-timeout=900', add({ establishedTimeout: 900 })],
    ['dpvs', '-A -t 192.0.2.1:80 --conn-timeout 90', add({ establishedTimeout: 90 })],
    [
      'dpvs',
      '--start-daemon master',
      { command: 'start-daemon', daemon: { state: 'master', interface: 'dpdk0' } },
    ],
  ])('%s: %s', (dialect, line, expected) => {
    const { command, errors, warnings } = typed(line, dialect)
    expect([errors, warnings.filter(({ code }) => code !== 'no-port')]).toEqual([[], []])
    expect(said(command)).toEqual(expected)
  })

  it('lists: what, and how', () => {
    const list = (line: string, dialect: RulesDialect = 'mainline') => typed(line, dialect).command
    expect(list('-lnc')).toMatchObject({ command: 'list', what: 'connections', numeric: true, sorted: true })
    expect(list('-L -t 192.0.2.1:80 --stats --rate --exact --nosort')).toMatchObject({
      ...{
        what: 'services',
        service: WEB,
        stats: true,
        rate: true,
        exact: true,
        sorted: false,
        numeric: false,
      },
    })
    expect(list('-L --timeout --sort --sort')).toMatchObject({ what: 'timeouts' })
    expect(list('-L --daemon')).toMatchObject({ what: 'daemons' })
    expect(list('-L --thresholds --persistent-conn --tun-info')).toMatchObject({
      ...{ thresholds: true, persistentConnections: true, tunnels: true },
    })
    expect(parseCommand([], { dialect: 'mainline' }).command).toMatchObject({
      command: 'list',
      what: 'services',
    })
  })
})

describe('what is refused', () => {
  it.each<[string, string]>([
    ['-t 192.0.2.1:80 -A', 'no-command'],
    ['192.0.2.1:80', 'no-command'],
    ['-A', 'missing-option'],
    ['-A -t', 'missing-argument'],
    ['-A -t 192.0.2.1:80 -D', 'second-command'],
    ['-A -t 192.0.2.1:80 -t 192.0.2.2:80', 'repeated-option'],
    ['-A -t 192.0.2.1:80 -f 7', 'repeated-option'],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5 -m -g', 'repeated-option'],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5 -w 1 -w 1', 'repeated-option'],
    ['-A -t 192.0.2.1:80 -r 10.0.0.5', 'illegal-option'],
    ['-A -t 192.0.2.1:80 -n', 'illegal-option'],
    ['-D -t 192.0.2.1:80 -s rr', 'illegal-option'],
    ['-C -t 192.0.2.1:80', 'illegal-option'],
    ['-a -t 192.0.2.1:80', 'missing-option'],
    ['-a -r 10.0.0.5', 'missing-option'],
    ['-A -t 192.0.2.1:80 --nonsense', 'unknown-option'],
    ['-A -t 192.0.2.1:80 --nonsense 7', 'unknown-option'],
    ['-A -t 192.0.2.1:80 -K', 'unknown-option'],
    ['-A --xxx-service 192.0.2.1:80', 'unknown-protocol'],
    ['-A -t 192.0.2.1:80 --ops=1', 'unwanted-argument'],
    ['-A=7 -t 192.0.2.1:80', 'unwanted-argument'],
    ['-A -t 192.0.2.1:80 rr', 'unexpected-argument'],
    ['-A -t 192.0.2.1:80 -- -s rr', 'unexpected-argument'],
    ['-A -t 192.0.2.1:80 -p foo', 'not-a-number'],
    ['-A -t 192.0.2.1:80 -p 0', 'out-of-range'],
    ['-A -t 192.0.2.1:80 -p 2678401', 'out-of-range'],
    // ipvsadm takes it, and the kernel's timers overflow.
    ['-A -t 192.0.2.1:80 -p 2678400', 'refused'],
    ['-A -t 192.0.2.1:80 -p -M 255.0.255.0', 'refused'],
    ['-A -t 192.0.2.1:80 -p -M fish', 'not-a-netmask'],
    ['-A -t [2001:db8::1]:80 -p -M 129', 'out-of-range'],
    ['-A -M 64 -t [2001:db8::1]:80 -p', 'order'],
    ['-A -f 7 -M 64 -6 -p', 'order'],
    ['-A -6 -f 7', 'order'],
    ['-A -t [2001:db8::1]:80 -6', 'order'],
    ['-A -f 0', 'out-of-range'],
    ['-A -f 4294967296', 'out-of-range'],
    ['-A -f 0x7', 'not-a-number'],
    ['-A -t 192.0.2.1', 'no-port'],
    ['-A -t 2001:db8::1:80', 'no-port'],
    ['-A -t 80', 'not-an-address'],
    ['-A -t 192.0.2.1:', 'not-a-port'],
    ['-A -t 192.0.2.1:65536', 'out-of-range'],
    ['-A -t 192.0.2.256:80', 'not-an-address'],
    ['-A -t [2001:db8::1]', 'not-an-address'],
    ['-A -t [2001:db8::1', 'not-an-address'],
    ['-A -t [192.0.2.1]:80', 'not-an-address'],
    ['-A -t [fe80::1%eth0]:80', 'not-an-address'],
    ['-A -t web:80', 'name'],
    ['-A -t 192.0.2.1:http', 'name'],
    ['-A -t 0.0.0.0:80', 'refused'],
    ['-A -t 192.0.2.1:80 -s much-too-long-a-name', 'refused'],
    ['-A -t 192.0.2.1:80 -o', 'refused'],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5 -w -1', 'out-of-range'],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5 -w 1e3', 'not-a-number'],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5 -x 2147483648', 'out-of-range'],
    ['-a -t 192.0.2.1:80 -r 10.0.0.5 -y 5', 'refused'],
    ['--set 1 2', 'missing-argument'],
    ['--set 1 2 3 4', 'unexpected-argument'],
    ['--set 1 2 x', 'not-a-number'],
    ['--set 2147484 1 1', 'refused'],
    ['--start-daemon', 'missing-argument'],
    ['--start-daemon both', 'not-a-daemon'],
    ['--start-daemon master --syncid 256', 'out-of-range'],
    ['--start-daemon master --mcast-interface a/b', 'refused'],
    ['-L -c -t 192.0.2.1:80', 'conflicting-option'],
    ['-L --timeout --daemon', 'conflicting-option'],
    ['-L -c --stats', 'conflicting-option'],
    ['-L --daemon --persistent-conn', 'conflicting-option'],
    ['-Z -n', 'illegal-option'],
  ])('%s: %s, in every dialect', (line, code) => {
    for (const dialect of DIALECTS) {
      const { command, errors } = typed(line, dialect)
      expect([dialect, ...codesOf(errors)]).toEqual([dialect, code])
      expect(command).toBeUndefined()
    }
  })

  it.each<[RulesDialect, string, string]>([
    ['mainline', '-a -t 192.0.2.1:80 -r [2001:db8::5]:80 -m', 'refused'],
    ['alibaba-v2', '-a -t 192.0.2.1:80 -r [2001:db8::5]:80 -i', 'other-family'],
    ['mainline', '-A -t 192.0.2.1:80 -s rr -b sh-port', 'unknown-flag'],
    ['mainline', '-A -t 192.0.2.1:80 -b ,', 'unknown-flag'],
    ['mainline', '-A -t 192.0.2.1:80 -b flag-4', 'unknown-flag'],
    ['mainline', '-A -t 192.0.2.1:80 -b', 'missing-argument'],
    ['mainline', '-a -t 192.0.2.1:80 -r 10.0.0.5 -m --tun-type gue --tun-port 5', 'refused'],
    ['mainline', '-a -t 192.0.2.1:80 -r 10.0.0.5 -i --tun-type gue', 'refused'],
    ['mainline', '-a -t 192.0.2.1:80 -r 10.0.0.5 -i --tun-type vxlan', 'not-a-tunnel'],
    ['mainline', '-a -t 192.0.2.1:80 -r 10.0.0.5 -i --tun-csum', 'refused'],
    [
      'mainline',
      '-a -t 192.0.2.1:80 -r 10.0.0.5 -i --tun-type gre --tun-csum --tun-nocsum',
      'conflicting-option',
    ],
    ['mainline', '--start-daemon master --mcast-group 10.0.0.1', 'refused'],
    ['mainline', '--start-daemon master --sync-maxlen 65508', 'out-of-range'],
    ['alibaba-v2', '--start-daemon master --mcast-ttl 3', 'unknown-option'],
    ['alibaba-v2', '-A -t 192.0.2.1:80 --pe sip', 'illegal-option'],
    ['alibaba-v2', '-A -t 192.0.2.1:80 -V 900', 'unknown-option'],
    ['alibaba-v2', '-G -n', 'illegal-option'],
    ['alibaba-v2', '-P -t 192.0.2.1:80', 'missing-option'],
    ['alibaba-v2', '-P -t 192.0.2.1:80 -z 10.1.0.1 -w 1', 'illegal-option'],
    ['alibaba-v2', '-P -t 192.0.2.1:80 -z 224.0.0.1', 'refused'],
    ['alibaba-v2', '-A -t 192.0.2.1:80 -j on', 'not-a-switch'],
    ['alibaba-v2', '-A -u 192.0.2.1:80 -j enable', 'refused'],
    ['alibaba-v3', '-A -t 192.0.2.1:80 -V 0', 'out-of-range'],
    ['alibaba-v3', '-A -t 192.0.2.1:80 -V', 'missing-argument'],
    ['dpvs', '-P -t 192.0.2.1:80 -z 10.1.0.1', 'missing-option'],
    ['dpvs', '-a -t 192.0.2.1:80 -r 10.0.0.5:80 -J', 'not-sayable'],
    ['dpvs', '-A -H proto=tcp,oif=dpdk1 -s rr', 'not-sayable'],
    ['dpvs', '-A -q 192.0.2.1:0 -p', 'not-sayable'],
    ['dpvs', '-U -t 192.0.2.1:80 -k 10.0.0.1', 'not-sayable'],
    ['dpvs', '-W', 'not-sayable'],
    ['dpvs', '-P -t [2001:db8::1]:80 -z 10.1.0.1 -F dpdk0', 'not-sayable'],
    ['dpvs', '-a -t [2001:db8::1]:80 -r 10.0.0.5:80 -b', 'not-sayable'],
    ['alibaba-v2', '-P -t [2001:db8::1]:80 -z 10.1.0.1', 'misprinted-local-address'],
    ['alibaba-v2', '-P -t 192.0.2.1:80 -z 2001:db8::1', 'refused'],
  ])('%s: %s: %s', (dialect, line, code) => {
    expect(codesOf(typed(line, dialect).errors)).toEqual([code])
  })

  it('with where else the letters mean what was meant', () => {
    const hint = (line: string, dialect: RulesDialect) => typed(line, dialect).errors[0]?.hint
    expect(hint('-P -t 192.0.2.1:80 -z 10.1.0.1', 'mainline')).toBe(
      '-P is --add-laddr in alibaba-v2, alibaba-v3, dpvs.',
    )
    expect(hint('-a -t 192.0.2.1:80 -r 10.0.0.5 -b flag-1', 'mainline')).toBe(
      '-b is --fullnat in alibaba-v2, alibaba-v3, dpvs.',
    )
    expect(hint('-A -t 192.0.2.1:80 -b', 'alibaba-v2')).toBe('-b is --sched-flags in mainline.')
    expect(hint('-A -t 192.0.2.1:80 -V 900', 'dpvs')).toBe('-V is --vsestablish-timeout in alibaba-v3.')
  })

  it('all that is wrong with a line, at its place', () => {
    expect(
      complaintsAbout('-A -t 192.0.2.1:80 -s rr\n-a -t web:http -r 1 -w x -Y 7 -x -1', 'mainline').errors,
    ).toEqual(['unknown-option 2:26', 'name 2:7'])
    expect(complaintsAbout('-a -t 192.0.2.1:80 -r 1 -w x -x -1', 'mainline').errors).toEqual([
      ...['not-an-address 1:23', 'not-a-number 1:28', 'out-of-range 1:33'],
    ])
    expect(complaintsAbout('-A -t 192.0.2.1:80 -r 1 -Z', 'mainline').errors).toEqual([
      ...['illegal-option 1:20', 'second-command 1:25'],
    ])
  })

  it('wrong arguments of a call', () => {
    const options = (value: unknown) => () => parseRules('-C', value as never)
    for (const value of [undefined, {}, { dialect: 'linux' }, { dialect: 'dpvs', nullMeans: 'masq' }]) {
      expect(options(value)).toThrow(/dialect|nullMeans/)
    }
  })
})

describe('words of a command line', () => {
  it('are as they were given: blanks in them, and the word ipvsadm', () => {
    const { command } = parseCommand(['-A', '-t', '192.0.2.1:80', '-s', 'ipvsadm'], { dialect: 'mainline' })
    expect(said(command)).toMatchObject({ config: { scheduler: 'ipvsadm' } })
    const { errors } = parseCommand(['-A', '-t', '192.0.2.1:80', '-s', 'r r'], { dialect: 'mainline' })
    expect(errors[0]).toMatchObject({ code: 'refused', column: 23 })
    expect(codesOf(parseCommand([''], { dialect: 'mainline' }).errors)).toEqual(['no-command'])
  })

  it('an argument that must be there is whatever follows', () => {
    const { command, warnings } = typed('-A -t 192.0.2.1:80 -s -p', 'mainline')
    expect(said(command)).toMatchObject({ config: { scheduler: '-p' } })
    expect(codesOf(warnings)).toEqual(['option-as-argument'])
    expect(codesOf(typed('-A -t -s rr', 'mainline').errors)).toEqual(['not-an-address'])
  })
})
