// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is keepalived's
// Whatever the text: an answer, and every problem within it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KeepalivedDialect } from '../../lib/formats'
import { formatKeepalived, MOST_PROBLEMS, parseKeepalived } from '../../lib/formats'
import { checkDestinationInput, checkServiceInput } from '../../lib/input'

const ALL: readonly KeepalivedDialect[] = ['mainline', 'alibaba', 'dpvs']

const MODERN = `$NET=10.9.0   # the network
$REAL=real_server \${NET}.7 80 { \\
    weight 3 \\
    TCP_CHECK { \\
    } \\
}
global_defs {
    router_id "a b"   ! quoted
    lvs_timeouts tcp 900 tcpfin 120 udp 300
    lvs_sync_daemon eth0 inst VI_1 id 5
}
@main net_namespace other
virtual_server_group web {
    192.0.2.1-9 80
    192.0.2.32/28 443
    198.51.100.250-198.51.101.2 8080
    2001:db8::fffe-ffff 80
    fwmark 7 inet
}
virtual_server group web {
    delay_loop 6
    lvs_sched mh
    mh-port
    lvs_method TUN type gue port 6080 csum
    persistence_timeout 60
    persistence_granularity 255.255.255.0
    protocol TCP
    quorum_up "/bin/x '{ \\# }'"
    sorry_server 10.0.0.1 80
    ~SEQ(n, 1, 2, 9) real_server \${NET}.\${n} 80 { weight \${n} }
    ~LST({a,b}, {1,2}, {3}) real_server 10.8.\${a}.1 80 { weight \${b}1 }
    $REAL
    include real/*.conf
    real_server fd00::1 443 {
        HTTP_GET {
            url { path / status_code 200 }
            regex "a{2}"
        }
    }
}
`
const OLD = `! Alibaba
local_address_group laddrs {
    10.1.0.1-254
    10.1.1.250-255   # dropped
    fd00::9-10
}
vrrp_instance VI_1 {
    lvs_sync_daemon_interface eth1
    virtual_ipaddress {
        192.0.2.1
    }
}
virtual_server 192.0.2.1 80{
    lb_algo wrr  lb_kind FNAT
    lb_kind FNAT // as in the manual
    /* so */
    protocol TCP
\u3000\u3000syn_proxy
    est_timeout 86400
    persistence_timeout 86400
    laddr_group_name laddrs
    quorum_up "ip a"
    real_server 10.9.0.5 80 { weight 1 }
    real_server 10.9.0.6 80 {
        weight 1#x
        UDP_CHECK {
        }
    }
}`

const options = (dialect: KeepalivedDialect) => ({
  dialect,
  file: 'k.conf',
  configId: 'main',
  env: { A: 'b' },
  include: ({ path }: { path: string }) =>
    path.startsWith('real') ? [{ file: 'real/1.conf', text: 'real_server 10.9.0.9 80 {\n}\n' }] : [],
})

function check(text: string, dialect: KeepalivedDialect): void {
  const lines = text.split('\n')
  const parsed = parseKeepalived(text, options(dialect))
  const { state, errors, warnings, omitted, ignored, checkers, serviceDetails } = parsed
  expect(errors.length).toBeLessThanOrEqual(MOST_PROBLEMS)
  expect(omitted).toBeGreaterThanOrEqual(0)
  for (const { file, line, column, code, frame } of [...errors, ...warnings]) {
    expect(code).toMatch(/^[a-z0-9-]+$/)
    expect(frame).toContain('^')
    if (file !== 'k.conf') continue
    expect(line).toBeLessThanOrEqual(lines.length)
    expect(column).toBeLessThanOrEqual((lines[line - 1] as string).length + 1)
  }
  for (const { line } of [...ignored, ...checkers, ...serviceDetails]) expect(line).toBeGreaterThan(0)
  // What comes out is a state that the library takes.
  for (const { destinations = [], localAddresses, name: _, ...input } of state.services ?? []) {
    const { service } = checkServiceInput(input)
    for (const destination of destinations) checkDestinationInput(destination, service)
    if (localAddresses && 'pool' in localAddresses) expect(state.pools).toHaveProperty([localAddresses.pool])
  }
  for (const to of ALL) formatKeepalived(state, { dialect: to, localAddressInterface: 'dpdk0' })
  if (errors.length === 0) {
    const strict = parseKeepalived(text, { ...options(dialect), strict: true })
    expect(strict.state).toEqual(state)
  }
}

describe.each(ALL)('%s', (dialect) => {
  it('every prefix of a text', () => {
    for (const text of [MODERN, OLD])
      for (let end = 0; end <= text.length; end++) check(text.slice(0, end), dialect)
  })

  it('every text without one of its lines', () => {
    for (const text of [MODERN, OLD]) {
      const lines = text.split('\n')
      for (let i = 0; i < lines.length; i++) check(lines.filter((_, k) => k !== i).join('\n'), dialect)
    }
  })

  it('texts with other characters in them', () => {
    const pieces = [
      '{',
      '}',
      '"',
      '\\',
      '#',
      '!',
      '$',
      '${',
      '~SEQ(',
      '~LST(',
      '@',
      '-',
      '/',
      '//',
      '/*',
      '\r',
      '\n',
      '\t',
      '\u3000',
      '0',
      '999999999999',
      '::',
      'include ',
      'real_server',
      '${A}',
      '$A=$A\n',
      '$B=\\\n$B\n',
    ]
    const edit = fc.record({
      at: fc.nat(3000),
      length: fc.nat(12),
      piece: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 4 })),
    })
    fc.assert(
      fc.property(
        fc.constantFrom(MODERN, OLD),
        fc.array(edit, { minLength: 1, maxLength: 8 }),
        (text, edits) => {
          const mutated = edits.reduce<string>((sum, { at, length, piece }) => {
            const index = at % (sum.length + 1)
            return sum.slice(0, index) + piece + sum.slice(index + length)
          }, text)
          check(mutated.replace(/\0/g, ''), dialect)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('words in any order', () => {
    const words = [...new Set(`${MODERN}\n${OLD}`.split(/\s+/)), '\n', '\n', '\n', '{', '}', '\n}\n', '{\n']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 60 }), (list) =>
        check(list.join(' '), dialect),
      ),
      { numRuns: 300 },
    )
  })
})

describe('large texts', () => {
  it('a binary file has an end, and a thousand problems', () => {
    const { errors, warnings, omitted } = parseKeepalived('x{ y\n'.repeat(20_000), { dialect: 'mainline' })
    expect(errors.length + warnings.length).toBeGreaterThan(0)
    expect(omitted).toBeGreaterThanOrEqual(0)
    const words = parseKeepalived('foo bar\n'.repeat(20_000), { dialect: 'mainline' })
    expect([words.warnings.length, words.omitted]).toEqual([MOST_PROBLEMS, 19_000])
  })

  it('lines of 1,000 definitions, quotes, braces, and of blanks', () => {
    for (const piece of [
      '$A ',
      '${A}',
      '"',
      '{',
      '}',
      '"{"',
      ' ',
      '~SEQ(a,1) ',
      '@a ',
      '\\',
      '\\#',
      '/*',
      '//',
    ]) {
      const line = piece.repeat(Math.floor(1000 / piece.length))
      for (const dialect of ALL) check(`$A=x\n${`${line}\n`.repeat(50)}`, dialect)
    }
  })

  it('10,000 services with 10 real servers each', () => {
    const reals = Array.from(
      { length: 10 },
      (_, i) => `real_server 10.9.0.${i} 80 {\nweight 1\nTCP_CHECK {\n}\n}\n`,
    ).join('')
    const text = Array.from(
      { length: 10_000 },
      (_, i) => `virtual_server 10.${i >> 8}.${i & 255}.1 80 {\nlb_algo rr\nprotocol TCP\n${reals}}\n`,
    ).join('')
    const { state, errors, warnings, checkers } = parseKeepalived(text, { dialect: 'mainline' })
    expect([state.services?.length, checkers.length, errors.length, warnings.length]).toEqual([
      10_000, 100_000, 0, 0,
    ])
  })

  it('many virtual servers of one large group, and many real servers that are one', () => {
    const group = 'virtual_server_group g {\n10.0.0.0/16 80\n10.0.0.0/16 81\n10.0.0.0/16 80\n}\n'
    const one = 'virtual_server group g {\nprotocol TCP\nreal_server 10.9.0.5 80 {\n}\n}\n'
    const groups = parseKeepalived(group + one.repeat(20_000), { dialect: 'mainline' })
    expect(groups.errors[0]?.code).toBe('too-many-services')
    expect(groups.state.services).toHaveLength(100_000)
    const ports = Array.from({ length: 5000 }, (_, i) => `10.0.0.1 ${i + 1}\n`).join('')
    const same = `virtual_server_group g {\n${ports}}\nvirtual_server group g {\nprotocol TCP\n${'real_server 10.9.0.5 80 { }\n'.repeat(50_000)}}\n`
    const reals = parseKeepalived(same, { dialect: 'mainline' })
    expect(reals.errors.map(({ code }) => code)).toEqual(['too-many-services'])
    expect(reals.state.services).toHaveLength(40)
  })

  it('as many destinations as there may be, and no more', () => {
    const reals = Array.from({ length: 50 }, (_, i) => `real_server 10.9.0.${i} 80 {\n}\n`).join('')
    const text = `virtual_server_group g {\n10.0.0.0/16 80\n}\nvirtual_server group g {\nprotocol TCP\n${reals}}\n`
    const { state, errors } = parseKeepalived(text, { dialect: 'mainline' })
    expect(errors.map(({ code }) => code)).toEqual(['too-many-services'])
    expect(state.services).toHaveLength(40_000)
  })
})
