// What comes out of a configuration: state, details, checkers, what is ignored.
import { describe, expect, it } from 'vitest'
import type { DesiredService } from '../../lib/formats'
import { parseKeepalived } from '../../lib/formats'

function serviceOf(text: string, dialect: 'mainline' | 'alibaba' | 'dpvs' = 'mainline'): DesiredService {
  const { state, errors } = parseKeepalived(text, { dialect })
  expect(errors).toEqual([])
  expect(state.services).toHaveLength(1)
  return state.services?.[0] as DesiredService
}

const body = (lines: string, real = '') =>
  `virtual_server 192.0.2.1 80 {\n protocol TCP\n${lines}\n real_server 10.9.0.5 8080 {\n${real}\n }\n}\n`

describe('a FULLNAT director of Alibaba', () => {
  const text = `! a director
global_defs {
  router_id LVS_1
}
local_address_group web_laddrs {
  10.1.0.1-3
  10.1.0.9
}
vrrp_instance VI_1 {
  state MASTER
  virtual_ipaddress {
    192.0.2.1
  }
}
virtual_server_group web {
  192.0.2.1 80
  192.0.2.5-6 443
}
virtual_server group web {
  delay_loop 7
  lb_algo wlc
  lb_kind FNAT
  protocol TCP
  syn_proxy
  est_timeout 90
  persistence_timeout 300
  laddr_group_name web_laddrs
  vip_bind_dev eth1
  alpha
  omega
  quorum 2
  hysteresis 1
  quorum_up "ip addr add 192.0.2.1/32 dev lo"
  quorum_down "ip addr del 192.0.2.1/32 dev lo"
  sorry_server 10.9.9.9 80
  real_server 10.9.0.5 8080 {
    weight 10
    inhibit_on_failure
    notify_down "/bin/x y"
    TCP_CHECK {
      connect_timeout 3
      connect_port 8081
    }
  }
  real_server 10.9.0.6 8080 {
    HTTP_GET {
      url {
        path /health
        status_code 200
      }
      nb_get_retry 3
    }
  }
}
`
  const { state, errors, warnings, ignored, checkers, serviceDetails, syncDaemons, files } = parseKeepalived(
    text,
    {
      dialect: 'alibaba',
      file: '/etc/keepalived/keepalived.conf',
    },
  )

  it('has pools and services', () => {
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [] })
    const config = {
      protocol: 'tcp',
      name: 'web',
      scheduler: 'wlc',
      synproxy: true,
      establishedTimeout: 90,
      persistence: { timeout: 300 },
      localAddresses: { pool: 'web_laddrs' },
      destinations: [
        { address: '10.9.0.5', port: 8080, forwarding: 'fullnat', weight: 10 },
        { address: '10.9.0.6', port: 8080, forwarding: 'fullnat', weight: 1 },
      ],
    }
    expect(state).toEqual({
      pools: { web_laddrs: { addresses: ['10.1.0.1-10.1.0.3', '10.1.0.9'] } },
      services: [
        { ...config, address: '192.0.2.1', port: 80 },
        { ...config, address: '192.0.2.5', port: 443 },
        { ...config, address: '192.0.2.6', port: 443 },
      ],
    })
  })

  it('has what is no state beside it', () => {
    const file = '/etc/keepalived/keepalived.conf'
    const services = [
      { protocol: 'tcp', address: '192.0.2.1', port: 80 },
      { protocol: 'tcp', address: '192.0.2.5', port: 443 },
      { protocol: 'tcp', address: '192.0.2.6', port: 443 },
    ]
    expect(serviceDetails).toMatchObject([
      {
        services,
        group: 'web',
        quorum: 2,
        hysteresis: 1,
        alpha: true,
        omega: true,
        quorumUp: '"ip addr add 192.0.2.1/32 dev lo"',
        quorumDown: '"ip addr del 192.0.2.1/32 dev lo"',
        sorryServer: { address: '10.9.9.9', port: 80, forwarding: 'fullnat', inhibit: false, line: 35 },
        parameters: [{ name: 'delay_loop', values: ['7'], line: 20, column: 3 }],
        realServers: [
          {
            destination: { address: '10.9.0.5', port: 8080 },
            inhibitOnFailure: true,
            notifyDown: '"/bin/x y"',
          },
          { destination: { address: '10.9.0.6', port: 8080 }, inhibitOnFailure: false, alpha: true },
        ],
        file,
        line: 19,
        column: 1,
      },
    ])
    expect(checkers).toMatchObject([
      {
        kind: 'TCP_CHECK',
        services,
        destination: { address: '10.9.0.5', port: 8080 },
        parameters: [
          { name: 'connect_timeout', values: ['3'], line: 41 },
          { name: 'connect_port', values: ['8081'], line: 42 },
        ],
        file,
        line: 40,
        column: 5,
      },
      {
        kind: 'HTTP_GET',
        parameters: [
          {
            name: 'url',
            values: [],
            parameters: [
              { name: 'path', values: ['/health'], line: 48 },
              { name: 'status_code', values: ['200'], line: 49 },
            ],
          },
          { name: 'nb_get_retry', values: ['3'] },
        ],
      },
    ])
    expect(ignored.map(({ keyword, within, reason, line }) => ({ keyword, within, reason, line }))).toEqual([
      { keyword: 'router_id', within: 'global_defs', reason: 'notification', line: 3 },
      { keyword: 'vrrp_instance', within: '', reason: 'vrrp', line: 9 },
      { keyword: 'vip_bind_dev', within: 'virtual_server', reason: 'vrrp', line: 28 },
    ])
    expect({ syncDaemons, files }).toEqual({ syncDaemons: [], files: [] })
  })
})

describe('properties of a service', () => {
  it.each([
    ['lb_algo sh\nsh-port\nsh-fallback', { scheduler: 'sh', schedulerFlags: ['flag-1', 'flag-2'] }],
    ['lvs_sched mh\nmh-port\nflag-3', { scheduler: 'mh', schedulerFlags: ['flag-2', 'flag-3'] }],
    ['', { scheduler: 'wlc' }],
    ['persistence_timeout', { persistence: { timeout: 360 } }],
    ['persistence_timeout 50', { persistence: { timeout: 50 } }],
    ['persistence_timeout 50\npersistence_timeout 60', { persistence: { timeout: 60 } }],
    ['persistence_granularity 255.255.255.0', { persistence: { timeout: 360, netmask: '255.255.255.0' } }],
    ['persistence_timeout 9\npersistence_engine sip', { persistence: { timeout: 9, engine: 'sip' } }],
  ])('%s', (lines, expected) => {
    const { protocol, address, port, destinations, ...config } = serviceOf(body(lines))
    expect(config).toEqual({ scheduler: 'wlc', ...expected })
  })

  it('ops of UDP, and a mask of IPv6', () => {
    const text =
      'virtual_server fd00::0001 53 {\nprotocol udp\nops\npersistence_granularity 64\nreal_server fd09::5 53 {\n}\n}\n'
    expect(serviceOf(text)).toMatchObject({
      protocol: 'udp',
      address: 'fd00::1',
      onePacket: true,
      persistence: { timeout: 360, netmask: 64 },
    })
  })

  it('no port: persistence is set', () => {
    const { state, warnings } = parseKeepalived(
      'virtual_server 192.0.2.1 {\nprotocol TCP\nreal_server 10.9.0.5 {\n}\n}\n',
      { dialect: 'mainline' },
    )
    expect(state.services).toMatchObject([
      { port: 0, persistence: { timeout: 360 }, destinations: [{ port: 0 }] },
    ])
    expect(warnings.map(({ code }) => code)).toEqual(['persistence-set'])
  })

  it('establish_timeout of dpvs', () => {
    expect(serviceOf(body('establish_timeout 70'), 'dpvs')).toMatchObject({ establishedTimeout: 70 })
  })

  it('persistence_timeout 0 of Alibaba is none', () => {
    expect(serviceOf(body('lb_algo rr\npersistence_timeout 0'), 'alibaba')).not.toHaveProperty('persistence')
  })

  it('est_timeout 0 of Alibaba is none', () => {
    expect(serviceOf(body('lb_algo rr\nest_timeout 0'), 'alibaba')).not.toHaveProperty('establishedTimeout')
  })
})

describe('destinations', () => {
  const first = (lines: string, real = '', dialect: 'mainline' | 'alibaba' | 'dpvs' = 'mainline') =>
    serviceOf(body(lines, real), dialect).destinations?.[0]

  it('have a method of their own, a tunnel, thresholds', () => {
    expect(first('')).toEqual({ address: '10.9.0.5', port: 8080, forwarding: 'masquerade', weight: 1 })
    expect(first('lb_kind DR', 'lvs_method NAT')).toMatchObject({ forwarding: 'masquerade' })
    expect(first('lb_kind NAT', 'lvs_method TUN type gue port 6080 csum')).toMatchObject({
      forwarding: 'tunnel',
      tunnel: { type: 'gue', port: 6080, checksum: 'full' },
    })
    expect(first('lb_kind TUN type gre')).toMatchObject({ tunnel: { type: 'gre' } })
    expect(first('lb_kind TUN type ipip nocsum')).not.toHaveProperty('tunnel')
    expect(first('', 'weight 0\nuthreshold 20\nlthreshold 10')).toEqual({
      address: '10.9.0.5',
      port: 8080,
      forwarding: 'masquerade',
      weight: 0,
      upperThreshold: 20,
      lowerThreshold: 10,
    })
    expect(first('weight 7')).toMatchObject({ weight: 7 })
  })

  it('have the port of the service where NAT names none, and always with DR', () => {
    const text = (kind: string, port: string) =>
      `virtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_kind ${kind}\nreal_server 10.9.0.5${port} {\n}\n}\n`
    const port = (kind: string, named: string) =>
      parseKeepalived(text(kind, named), { dialect: 'mainline' }).state.services?.[0]?.destinations?.[0]?.port
    expect(port('NAT', '')).toBe(80)
    expect(port('NAT', ' 8080')).toBe(8080)
    expect(port('DR', '')).toBe(80)
    expect(port('DR', ' 8080')).toBe(80)
    expect(port('TUN', ' 8080')).toBe(80)
  })

  it('of a fwmark service have a port with NAT only, and give it its family', () => {
    const mark = (kind: string, address = '10.9.0.5', more = '') =>
      `virtual_server fwmark 7 {\nlb_kind ${kind}\n${more}\nreal_server ${address} 8080 {\n}\n}\n`
    const read = (text: string) => parseKeepalived(text, { dialect: 'mainline' })
    expect(serviceOf(mark('NAT'))).toMatchObject({
      fwmark: 7,
      family: 'ipv4',
      destinations: [{ port: 8080 }],
    })
    const direct = read(mark('DR'))
    expect(direct.state.services).toMatchObject([{ destinations: [{ port: 0 }] }])
    expect(direct.warnings.map(({ code }) => code)).toEqual(['real-server-port'])
    expect(serviceOf(mark('NAT', 'fd09::5'))).toMatchObject({ family: 'ipv6' })
    expect(read(mark('TUN', '10.9.0.5', 'ip_family inet6')).state.services).toMatchObject([
      { family: 'ipv6' },
    ])
  })

  it('of a group without a port get that of the member, and mainline does not', () => {
    const text =
      'virtual_server_group g {\n192.0.2.1 80\n192.0.2.1 443\n}\nvirtual_server group g {\nprotocol TCP\nreal_server 10.9.0.5 {\n}\n}\n'
    const { state, warnings, checkers } = parseKeepalived(text.replace('{\n}', '{\nTCP_CHECK {\n}\n}'), {
      dialect: 'mainline',
    })
    expect(state.services?.map(({ destinations }) => destinations?.[0]?.port)).toEqual([80, 443])
    expect(warnings.map(({ code }) => code)).toEqual(['real-server-port', 'real-server-port'])
    expect(checkers).toMatchObject([{ destination: { address: '10.9.0.5', port: undefined } }])
  })
})

describe('global_defs', () => {
  it('timeouts; 0 is none', () => {
    const text = 'global_defs {\n lvs_timeouts tcp 900 tcpfin 0 udp 300\n}\n'
    expect(parseKeepalived(text, { dialect: 'mainline' })).toMatchObject({
      state: { timeouts: { tcp: 900, udp: 300 }, services: [] },
      errors: [],
    })
  })

  it('a daemon without a VRRP instance is both, in mainline', () => {
    const text = 'global_defs {\n lvs_sync_daemon eth0 id 5 maxlen 1400 port 8848 ttl 2 group 224.0.0.82\n}\n'
    const config = {
      interface: 'eth0',
      syncId: 5,
      syncMaxLength: 1400,
      multicastPort: 8848,
      multicastTtl: 2,
      multicastGroup: '224.0.0.82',
    }
    const both = parseKeepalived(text, { dialect: 'mainline' })
    expect(both.errors).toEqual([])
    expect(both.state.daemons).toEqual([
      { state: 'master', ...config },
      { state: 'backup', ...config },
    ])
    expect(both.syncDaemons).toEqual([])
    const follows = parseKeepalived(text, { dialect: 'dpvs' })
    expect(follows.state).not.toHaveProperty('daemons')
    expect(follows.syncDaemons).toMatchObject([{ ...config, vrrpInstance: undefined }])
  })

  it('a daemon with one, in both ways of writing it', () => {
    for (const words of ['eth0 inst VI_1 id 5', 'eth0 VI_1 5', 'eth0 VI_1 id 5']) {
      const { syncDaemons, state } = parseKeepalived(`global_defs {\nlvs_sync_daemon ${words}\n}\n`, {
        dialect: 'mainline',
      })
      expect(syncDaemons).toMatchObject([{ interface: 'eth0', vrrpInstance: 'VI_1', syncId: 5, line: 2 }])
      expect(state).not.toHaveProperty('daemons')
    }
  })
})

it('what is absent is absent, and groups may come later', () => {
  const { state } = parseKeepalived('', { dialect: 'mainline' })
  expect(state).toEqual({ services: [] })
  const later = `virtual_server group g {\nprotocol TCP\nreal_server 10.9.0.5 80 {\n}\n}\nvirtual_server_group g {\n192.0.2.1 80\n}\n`
  expect(parseKeepalived(later, { dialect: 'mainline' }).state.services).toHaveLength(1)
})

it('a group named __proto__ is a group', () => {
  const text = `local_address_group __proto__ {\n10.1.0.1\n}\nvirtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind FNAT\nladdr_group_name __proto__\nreal_server 10.9.0.5 80 {\n}\n}\n`
  const { state, errors } = parseKeepalived(text, { dialect: 'alibaba' })
  expect(errors).toEqual([])
  expect(Object.keys(state.pools ?? {})).toEqual(['__proto__'])
  expect(state.services?.[0]?.localAddresses).toEqual({ pool: '__proto__' })
})

it('wrong arguments are argument errors, and what is no text at all is thrown', () => {
  const read = (text: unknown, options: unknown) => () => parseKeepalived(text as string, options as never)
  expect(read('', undefined)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
  expect(read('', { dialect: 'other' })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', field: 'options.dialect' }),
  )
  for (const option of [{ include: 'x' }, { configId: 1 }, { strict: 1 }, { env: 1 }]) {
    expect(read('', { dialect: 'mainline', ...option })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    )
  }
  expect(read(7, { dialect: 'mainline' })).toThrow(expect.objectContaining({ field: 'text' }))
  expect(read('a\0b', { dialect: 'mainline' })).toThrow(expect.objectContaining({ code: 'nul-character' }))
  expect(read(Buffer.from([0xff, 0xfe]), { dialect: 'mainline' })).toThrow(
    expect.objectContaining({ code: 'not-utf8' }),
  )
  expect(read('x'.repeat(70_000), { dialect: 'mainline' })).toThrow(
    expect.objectContaining({ code: 'line-too-long' }),
  )
})
