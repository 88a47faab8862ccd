// What is reported instead of guessed, and where it stands.
import { describe, expect, it } from 'vitest'
import type { KeepalivedDialect } from '../../lib/formats'
import { parseKeepalived } from '../../lib/formats'

const ALL: readonly KeepalivedDialect[] = ['mainline', 'alibaba', 'dpvs']

/** A service that every dialect takes without a word; lines of the test in its place. */
const service = (body: string, head = '192.0.2.1 80') => `virtual_server ${head} {
${body}
  real_server 10.9.0.5 80 {
    weight 3
    TCP_CHECK {
      connect_timeout 3
    }
  }
}
`
const PLAIN = '  lb_algo wrr\n  lb_kind NAT\n  protocol TCP'

function read(text: string, dialect: KeepalivedDialect, strict = false) {
  const { state, errors, warnings, ...rest } = parseKeepalived(text, { dialect, strict, file: 'k.conf' })
  const at = ({ code, line, column }: { code: string; line: number; column: number }) =>
    `${code} ${line}:${column}`
  return {
    services: state.services ?? [],
    state,
    errors: errors.map(at),
    warnings: warnings.map(at),
    ...rest,
    all: [...errors, ...warnings],
  }
}

it('a plain service is read without a word', () => {
  for (const dialect of ALL) {
    const { services, errors, warnings } = read(service(PLAIN), dialect)
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [] })
    expect(services).toEqual([
      {
        protocol: 'tcp',
        address: '192.0.2.1',
        port: 80,
        scheduler: 'wrr',
        destinations: [{ address: '10.9.0.5', port: 80, forwarding: 'masquerade', weight: 3 }],
      },
    ])
  }
})

interface Case {
  readonly name: string
  readonly dialects: readonly KeepalivedDialect[]
  readonly text: string
  /** `'code line:column'`. */
  readonly errors?: readonly string[]
  readonly warnings?: readonly string[]
  readonly services?: number
}

const withBody = (body: string, head?: string) => service(body, head)
const real = (head: string, body = '', kind = 'NAT') =>
  `virtual_server 192.0.2.1 80 {\n lb_algo rr\n lb_kind ${kind}\n protocol TCP\n real_server ${head} {\n${body}\n }\n}\n`

const cases: readonly Case[] = [
  {
    name: 'no protocol',
    dialects: ALL,
    text: withBody('  lb_algo wrr\n  lb_kind NAT'),
    errors: ['missing-protocol 1:1'],
    services: 0,
  },
  {
    name: 'a protocol in small letters',
    dialects: ['alibaba'],
    text: withBody('lb_algo wrr\nprotocol tcp'),
    errors: ['protocol-read-as-udp 3:10'],
    services: 0,
  },
  {
    name: 'a protocol in small letters',
    dialects: ['mainline', 'dpvs'],
    text: withBody('lb_algo wrr\nprotocol tcp'),
    services: 1,
  },
  {
    name: 'SCTP of Alibaba is UDP',
    dialects: ['alibaba'],
    text: withBody('lb_algo wrr\nprotocol SCTP'),
    errors: ['protocol-read-as-udp 3:10'],
    services: 0,
  },
  {
    name: 'a protocol that is none',
    dialects: ['mainline', 'dpvs'],
    text: withBody('protocol ICMP'),
    errors: ['unknown-protocol 2:10'],
    services: 0,
  },
  {
    name: 'two keywords in a line',
    dialects: ALL,
    text: withBody('lb_algo rr lb_kind DR\nprotocol TCP'),
    errors: ['two-keywords 2:12'],
  },
  {
    name: 'two keywords in a line, behind a switch',
    dialects: ['alibaba'],
    text: withBody(`${PLAIN}\nsyn_proxy est_timeout 90`),
    errors: ['two-keywords 5:11'],
  },
  {
    name: 'a method and a keyword',
    dialects: ALL,
    text: withBody('lb_algo rr\nprotocol TCP\nlb_kind NAT protocol UDP'),
    errors: ['two-keywords 4:13'],
  },
  {
    name: 'a checker behind a weight',
    dialects: ['mainline', 'dpvs'],
    text: real('10.9.0.5 80', 'weight 1 TCP_CHECK {\nconnect_port 1\n}'),
    errors: ['two-keywords 6:10', 'unexpected-block 6:1'],
  },
  {
    name: 'words that nobody reads',
    dialects: ALL,
    text: withBody(`${PLAIN}\nquorum 1 or 2`),
    warnings: ['extra-words 5:10'],
  },
  {
    name: 'an ideographic blank',
    dialects: ALL,
    text: withBody(`${PLAIN}\n\u3000\u3000quorum 1`),
    errors: ['foreign-blank 5:1'],
  },
  {
    name: 'an ideographic blank between words',
    dialects: ALL,
    text: withBody(`${PLAIN}\nquorum\u30002`),
    errors: ['foreign-blank 5:1'],
  },
  {
    name: 'a no-break space in a value',
    dialects: ['alibaba'],
    text: withBody(`${PLAIN}\nquorum 2\u00a0`),
    errors: ['foreign-blank 5:8'],
    warnings: ['number-with-tail 5:8'],
  },
  {
    name: 'a no-break space in a value',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\nquorum 2\u00a0`),
    errors: ['foreign-blank 5:8', 'not-a-number 5:8'],
  },
  {
    name: '// behind a value',
    dialects: ALL,
    text: withBody(`${PLAIN}\nquorum 1 // so`),
    warnings: ['slash-comment 5:10'],
  },
  {
    name: '// at the start of a line',
    dialects: ALL,
    text: withBody(`${PLAIN}\n// quorum 1`),
    warnings: ['slash-comment 5:1'],
  },
  {
    name: '/* */',
    dialects: ALL,
    text: withBody(`${PLAIN}\n/* quorum 1 */`),
    warnings: ['slash-comment 5:1'],
  },
  {
    name: '/* over lines',
    dialects: ALL,
    text: withBody(`${PLAIN}\n/* quorum 1\n*/`),
    errors: ['block-comment 5:1'],
    warnings: ['unknown-keyword 6:1'],
  },
  {
    name: 'braces behind //',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\n// real_server 1.1.1.1 80 {`),
    errors: ['slash-comment 5:1'],
  },
  {
    name: 'braces behind //',
    dialects: ['alibaba'],
    text: withBody(`${PLAIN}\n// real_server 1.1.1.1 80 {`),
    warnings: ['slash-comment 5:1'],
  },
  {
    name: 'FNAT without local addresses',
    dialects: ['alibaba', 'dpvs'],
    text: withBody('lb_algo rr\nprotocol TCP\nlb_kind FNAT'),
    warnings: ['fullnat-without-local-addresses 1:1'],
  },
  {
    name: 'FNAT of mainline',
    dialects: ['mainline'],
    text: withBody('lb_algo rr\nprotocol TCP\nlb_kind FNAT'),
    errors: ['unknown-method 4:9'],
  },
  {
    name: 'a local group that is not there',
    dialects: ['alibaba', 'dpvs'],
    text: withBody('lb_algo rr\nprotocol TCP\nlb_kind FNAT\nladdr_group_name l'),
    errors: ['unknown-group 5:18'],
  },
  {
    name: 'local addresses without FNAT',
    dialects: ['dpvs'],
    text: `local_address_group l {\n10.1.0.1 eth0\n}\n${withBody(`${PLAIN}\nladdr_group_name l`)}`,
    warnings: ['local-addresses-unused 8:18'],
  },
  {
    name: 'local addresses without FNAT',
    dialects: ['alibaba'],
    text: `local_address_group l {\n10.1.0.1\n}\n${withBody(`${PLAIN}\nladdr_group_name l`)}`,
    warnings: ['local-addresses-unused 8:18'],
  },
  {
    name: 'the device of dpvs in a group of Alibaba',
    dialects: ['alibaba'],
    text: 'local_address_group l {\n10.1.0.1 eth0\n}\n',
    warnings: ['extra-words 2:10'],
    services: 0,
  },
  {
    name: 'fwmark with FNAT',
    dialects: ['alibaba'],
    text: withBody('lb_algo rr\nlb_kind FNAT', 'fwmark 7'),
    warnings: ['fwmark-fullnat 1:16', 'fullnat-without-local-addresses 1:1'],
  },
  {
    name: 'a protocol of a fwmark',
    dialects: ALL,
    text: withBody(PLAIN, 'fwmark 7'),
    warnings: ['protocol-of-fwmark 4:12'],
  },
  {
    name: 'no real servers',
    dialects: ['mainline', 'dpvs'],
    text: `virtual_server 192.0.2.1 80 {\n${PLAIN}\n}\n`,
    errors: ['no-real-servers 1:1'],
    services: 0,
  },
  {
    name: 'no real servers',
    dialects: ['alibaba'],
    text: `virtual_server 192.0.2.1 80 {\n${PLAIN}\n}\n`,
    warnings: ['no-real-servers 1:1'],
    services: 1,
  },
  {
    name: 'five digits',
    dialects: ['alibaba'],
    text: withBody(`${PLAIN}\npersistence_timeout 86400\nest_timeout 10000`),
    warnings: ['five-digit-timeout 5:21', 'five-digit-timeout 6:13'],
  },
  {
    name: 'four digits',
    dialects: ['alibaba'],
    text: withBody(`${PLAIN}\npersistence_timeout 9999\nest_timeout 9999`),
  },
  {
    name: 'twice',
    dialects: ['alibaba'],
    text: withBody(`${PLAIN}\nlb_algo rr\npersistence_timeout 300\npersistence_timeout 50`),
    warnings: ['laid-over 5:1', 'laid-over 7:1'],
  },
  {
    name: 'an unknown keyword',
    dialects: ALL,
    text: withBody(`${PLAIN}\nfoo 1`),
    warnings: ['unknown-keyword 5:1'],
  },
  {
    name: 'an unknown block',
    dialects: ALL,
    text: real('10.9.0.5 80', 'FOO_CHECK {\n bar {\n }\n}\nweight 7'),
    warnings: ['unknown-block 6:1'],
  },
  {
    name: 'a checker that Alibaba has not',
    dialects: ['alibaba'],
    text: real('10.9.0.5 80', 'UDP_CHECK {\n}\nweight 7'),
    warnings: ['unknown-block 6:1'],
  },
  {
    name: 'an unknown block at the top',
    dialects: ALL,
    text: `foo bar {\n x {\n }\n}\n${service(PLAIN)}`,
    warnings: ['unknown-block 1:1'],
    services: 1,
  },
  {
    name: 'one-line blocks',
    dialects: ['alibaba'],
    text: `virtual_server 192.0.2.1 80 {\n${PLAIN}\n real_server 10.9.0.5 80 { weight 1 }\n}\n`,
    warnings: ['one-line-block 5:26'],
    services: 1,
  },
  {
    name: 'one-line blocks',
    dialects: ['mainline', 'dpvs'],
    text: `virtual_server 192.0.2.1 80 {\n${PLAIN}\n real_server 10.9.0.5 80 { weight 1 }\n}\n`,
    services: 1,
  },
  {
    name: 'a brace that belongs to a word',
    dialects: ['alibaba'],
    text: `local_address_group web{\n10.1.0.1\n}\n`,
    warnings: ['brace-in-word 1:21'],
    services: 0,
  },
  {
    name: 'no newline at the end',
    dialects: ['alibaba'],
    text: service(PLAIN).trimEnd(),
    warnings: ['lost-line 11:1'],
  },
  { name: 'no newline at the end', dialects: ['mainline', 'dpvs'], text: service(PLAIN).trimEnd() },
  {
    name: 'a tail of a number',
    dialects: ['alibaba'],
    text: withBody(`${PLAIN}\nquorum 2x`),
    warnings: ['number-with-tail 5:8'],
  },
  {
    name: 'a tail of a number',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\nquorum 2x`),
    errors: ['not-a-number 5:8'],
  },
  {
    name: 'a number out of range',
    dialects: ['mainline', 'dpvs'],
    text: real('10.9.0.5 80', 'weight 65536'),
    errors: ['out-of-range 6:8'],
  },
  {
    name: 'an unknown scheduler',
    dialects: ['mainline', 'dpvs'],
    text: withBody('lb_algo foo\nprotocol TCP'),
    errors: ['unknown-scheduler 2:9'],
  },
  {
    name: 'no scheduler',
    dialects: ['alibaba'],
    text: withBody('protocol TCP'),
    errors: ['missing-scheduler 1:1'],
    services: 0,
  },
  {
    name: 'a flag before its scheduler',
    dialects: ['mainline', 'dpvs'],
    text: withBody('protocol TCP\nsh-port\nlb_algo sh'),
    errors: ['flag-without-scheduler 3:1'],
  },
  {
    name: 'ops without UDP',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\nops`),
    warnings: ['ops-without-udp 5:1'],
  },
  {
    name: 'hashed',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\nhashed`),
    warnings: ['hashed 5:1'],
  },
  {
    name: 'an engine without persistence',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\npersistence_engine sip`),
    warnings: ['engine-unused 5:20'],
  },
  {
    name: 'persistence 0',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\npersistence_timeout 0`),
    errors: ['out-of-range 5:21'],
  },
  {
    name: 'a mask without a timeout',
    dialects: ['alibaba'],
    text: withBody(`${PLAIN}\npersistence_granularity 255.255.255.0`),
    errors: ['persistence-without-timeout 5:25'],
  },
  {
    name: 'a mask with holes',
    dialects: ALL,
    text: withBody(`${PLAIN}\npersistence_timeout 5\npersistence_granularity 255.0.255.0`),
    errors: ['refused 1:16'],
    services: 0,
  },
  {
    name: 'syn_proxy of UDP',
    dialects: ['alibaba', 'dpvs'],
    text: withBody('lb_algo rr\nprotocol UDP\nsyn_proxy'),
    warnings: ['synproxy-without-tcp 1:1'],
  },
  {
    name: 'an established timeout of UDP',
    dialects: ['alibaba'],
    text: withBody('lb_algo rr\nprotocol UDP\nest_timeout 5'),
    warnings: ['timeout-without-tcp 4:13'],
  },
  {
    name: 'an established timeout that is clamped',
    dialects: ['dpvs'],
    text: withBody(`${PLAIN}\nestablish_timeout 9000`),
    warnings: ['clamped 5:19'],
  },
  {
    name: 'est_timeout elsewhere',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\nest_timeout 90`),
    warnings: ['unknown-keyword 5:1'],
  },
  {
    name: 'SNAT',
    dialects: ['dpvs'],
    text: withBody('protocol TCP\nlb_kind SNAT', 'match web'),
    errors: ['snat 1:16', 'snat 3:9'],
    services: 0,
  },
  {
    name: 'a method in small letters',
    dialects: ALL,
    text: withBody('lb_algo rr\nprotocol TCP\nlb_kind dr'),
    errors: ['unknown-method 4:9'],
  },
  {
    name: 'tunnels that cannot be',
    dialects: ['mainline'],
    text: withBody('protocol TCP\nlb_kind TUN type gue'),
    errors: ['bad-tunnel 3:18'],
  },
  {
    name: 'DR and a port of its own',
    dialects: ['mainline', 'dpvs'],
    text: real('10.9.0.5 8080', '', 'DR'),
    warnings: ['real-server-port 5:23'],
  },
  {
    name: 'a port that is missing',
    dialects: ['alibaba'],
    text: real('10.9.0.5'),
    warnings: ['real-server-port 5:14'],
  },
  {
    name: 'thresholds',
    dialects: ['alibaba'],
    text: real('10.9.0.5 80', 'uthreshold 5'),
    warnings: ['threshold-not-reloaded 6:1'],
  },
  {
    name: 'a lower threshold alone',
    dialects: ['mainline', 'dpvs'],
    text: real('10.9.0.5 80', 'lthreshold 5'),
    errors: ['refused 5:14'],
  },
  { name: 'another family', dialects: ALL, text: real('fd00::1 80'), errors: ['family-mismatch 5:14'] },
  {
    name: 'the same real server twice',
    dialects: ALL,
    text: real('10.9.0.5 80', '}\nreal_server 10.9.0.5 80 {'),
    warnings: ['duplicate-real-server 7:13'],
  },
  {
    name: 'the same service twice',
    dialects: ALL,
    text: service(PLAIN) + service(PLAIN),
    errors: ['duplicate-service 12:16'],
    services: 1,
  },
  {
    name: 'an address that is none',
    dialects: ALL,
    text: withBody(PLAIN, '192.0.2.300 80'),
    errors: ['not-an-address 1:16'],
    services: 0,
  },
  {
    name: 'brackets and zones',
    dialects: ALL,
    text: withBody(PLAIN, '[fd00::1] 80'),
    errors: ['not-an-address 1:16'],
    services: 0,
  },
  {
    name: 'an address with a mask',
    dialects: ALL,
    text: withBody(PLAIN, '192.0.2.1/24 80'),
    warnings: ['address-cut 1:16'],
    services: 1,
  },
  {
    name: 'an address that no packet has',
    dialects: ALL,
    text: withBody(PLAIN, '0.0.0.0 80'),
    errors: ['refused 1:16'],
    services: 0,
  },
  {
    name: 'a group that is not there',
    dialects: ALL,
    text: withBody(PLAIN, 'group web'),
    errors: ['unknown-group 1:22'],
    services: 0,
  },
  {
    name: 'a group that is there twice',
    dialects: ALL,
    text: 'virtual_server_group g {\nfwmark 1\n}\nvirtual_server_group g {\nfwmark 2\n}\n',
    warnings: ['duplicate-group 4:1'],
    services: 0,
  },
  {
    name: 'words behind an address',
    dialects: ['mainline', 'dpvs'],
    text: withBody(PLAIN, '10.1.1.1 80 dev eth0'),
    warnings: ['extra-words 1:28'],
    services: 1,
  },
  {
    name: 'a block that is not closed',
    dialects: ALL,
    text: service(PLAIN).replace(/\}\n$/, ''),
    errors: ['unclosed-block 1:29'],
    services: 1,
  },
  {
    name: 'a brace too many',
    dialects: ALL,
    text: `${service(PLAIN)}}\n`,
    errors: ['extra-brace 12:1'],
    services: 1,
  },
  {
    name: 'a { alone',
    dialects: ['mainline', 'dpvs'],
    text: `{\n foo\n}\n${service(PLAIN)}`,
    errors: ['unexpected-brace 1:1'],
    warnings: [],
    services: 1,
  },
  {
    name: 'a { that is forgotten',
    dialects: ['mainline', 'dpvs'],
    text: service(PLAIN).replace(' {', ''),
    warnings: ['missing-brace 1:1'],
    services: 1,
  },
  {
    name: 'a { that is forgotten',
    dialects: ['alibaba'],
    text: service(PLAIN).replace(' {', ''),
    services: 1,
  },
  {
    name: 'a quote that is not closed',
    dialects: ALL,
    text: withBody(`${PLAIN}\nquorum_up "a b`),
    errors: ['unclosed-quote 5:11'],
  },
  {
    name: 'a carriage return alone',
    dialects: ['mainline', 'dpvs'],
    text: service(PLAIN).replace('\n', '\r'),
    errors: ['carriage-return 1:30'],
  },
  {
    name: 'a carriage return alone',
    dialects: ['alibaba'],
    text: service(PLAIN).replace('\n', '\r'),
    services: 1,
  },
  { name: 'CRLF', dialects: ALL, text: service(PLAIN).replace(/\n/g, '\r\n'), services: 1 },
  {
    name: 'a long line',
    dialects: ALL,
    text: `#${'x'.repeat(1100)}\n${service(PLAIN)}`,
    errors: ['line-too-long 1:1'],
    services: 1,
  },
  {
    name: 'nftables_ipvs',
    dialects: ['mainline'],
    text: `global_defs {\nnftables_ipvs\n}\nvirtual_server_group g {\n192.0.2.9 80\n}\n${withBody(PLAIN, 'group g')}`,
    warnings: ['nftables-ipvs 2:1'],
    services: 1,
  },
  {
    name: 'a mask of a group',
    dialects: ['mainline'],
    text: `virtual_server_group g {\n192.0.2.9 80\n}\n${withBody(`${PLAIN}\npersistence_granularity 255.255.255.0`, 'group g')}`,
    warnings: ['granularity-of-group 8:25'],
    services: 1,
  },
  {
    name: 'a daemon of a VRRP instance',
    dialects: ['mainline', 'dpvs'],
    text: 'global_defs {\nlvs_sync_daemon eth0 inst VI_1 id 5\n}\n',
    warnings: ['daemon-follows-vrrp 2:1'],
    services: 0,
  },
  {
    name: 'a daemon of a VRRP instance, as it was',
    dialects: ALL,
    text: 'vrrp_instance VI {\nlvs_sync_daemon_interface eth1\n}\n',
    warnings: ['daemon-follows-vrrp 2:1'],
    services: 0,
  },
  {
    name: 'timeouts that are none',
    dialects: ['mainline', 'dpvs'],
    text: 'global_defs {\nlvs_timeouts tcp x foo 3 udp\n}\n',
    errors: ['not-a-number 2:18', 'unknown-option 2:20', 'unknown-option 2:24', 'missing-value 2:26'],
    services: 0,
  },
  {
    name: 'a sorry server that comes later',
    dialects: ['mainline', 'dpvs'],
    text: withBody(`${PLAIN}\nsorry_server_inhibit\nsorry_server 10.0.0.1 80`),
    errors: ['no-sorry-server 5:1'],
  },
  {
    name: 'definitions of Alibaba',
    dialects: ['alibaba'],
    text: `$A=1\n${service(PLAIN)}`,
    warnings: ['unknown-keyword 1:1'],
    services: 1,
  },
  {
    name: 'fwmark of IPv6',
    dialects: ['alibaba'],
    text: `virtual_server fwmark 7 {\nlb_algo rr\nreal_server fd00::1 80 {\n}\n}\n`,
    errors: ['fwmark-ipv6 1:16'],
  },
  {
    name: 'net_namespace',
    dialects: ['mainline'],
    text: 'net_namespace high\n',
    warnings: ['net-namespace 1:1'],
    services: 0,
  },
]

describe.each(cases.flatMap((one) => one.dialects.map((dialect) => ({ ...one, dialect }))))(
  '$dialect: $name',
  (one) => {
    it('is reported where it stands, and nothing else is', () => {
      const { services, errors, warnings } = read(one.text, one.dialect)
      expect(errors).toEqual(one.errors ?? [])
      expect(warnings).toEqual(one.warnings ?? [])
      expect(services).toHaveLength(one.services ?? 1)
    })
  },
)

it('each problem has its file, a frame and what to do', () => {
  const { all } = read(service(`${PLAIN}\n\u3000quorum 1`), 'mainline')
  expect(all[0]).toMatchObject({ file: 'k.conf', line: 5, column: 1, hint: 'Write blanks or tabs.' })
  expect(all[0]?.message).toContain('U+3000')
})

it('what is unknown is skipped with its block: the rest is read as it was meant', () => {
  for (const dialect of ALL) {
    const { services } = read(real('10.9.0.5 80', 'FOO_CHECK {\n weight 9\n}\nweight 7'), dialect)
    expect(services[0]?.destinations).toMatchObject([{ weight: 7 }])
  }
})

it('strict: what is unknown is an error', () => {
  for (const dialect of ALL) {
    const text = `foo\n${real('10.9.0.5 80', 'FOO_CHECK {\n}\nTCP_CHECK {\n bar\n}')}global_defs {\nbaz\n}\n`
    const { errors, warnings } = read(text, dialect, true)
    expect(errors).toEqual([
      'unknown-keyword 1:1',
      'unknown-block 7:1',
      'unknown-keyword 10:2',
      'unknown-keyword 15:1',
    ])
    expect(warnings).toEqual([])
    expect(read(text, dialect).warnings).toEqual(errors)
  }
})

it('weights of an old keyword: fwmark and weight of a checker are not those of the real server', () => {
  const body = 'weight 2\nTCP_CHECK {\n fwmark 9\n weight 8\n}'
  expect(read(real('10.9.0.5 80', body), 'mainline').services[0]?.destinations).toMatchObject([{ weight: 2 }])
})

it('comments: where they begin is a matter of the dialect', () => {
  const body = 'weight 1#x\n! all\n   # all\n'
  expect(read(real('10.9.0.5 80', body), 'mainline')).toMatchObject({ errors: [], warnings: [] })
  expect(read(real('10.9.0.5 80', body), 'alibaba')).toMatchObject({
    errors: [],
    warnings: ['number-with-tail 6:8'],
  })
  const quoted = service(`${PLAIN}\nquorum_up "a # b"`)
  expect(read(quoted, 'mainline').serviceDetails[0]?.quorumUp).toBe('"a # b"')
  expect(read(quoted, 'alibaba').errors).toEqual(['unclosed-quote 5:11'])
  expect(read(service(`${PLAIN}\nquorum_up a\\#b`), 'mainline').serviceDetails[0]?.quorumUp).toBe('a#b')
  expect(read(service(`${PLAIN}\nquorum_up \\#\\! x // y`), 'mainline')).toMatchObject({
    warnings: ['slash-comment 5:18'],
    errors: [],
  })
  const within = read(service(`${PLAIN}\nquorum_up "a\\#b"`), 'mainline')
  expect(within.serviceDetails[0]?.quorumUp).toBe('"a\\#b"')
})
