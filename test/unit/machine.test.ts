import { describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib/client/ipvs'
import { loadAddon } from '../../lib/host/addon'
import { machineFiles } from '../../lib/host/machine-files'
import { parseIpv6Addresses, parseLocalRoutes } from '../../lib/procfs/own-addresses'
import { parseSockets } from '../../lib/procfs/sockets'
import { FakeKernel } from '../../lib/testing'

const source = { file: '/proc/net/tcp', operation: 'machine' }

/** As Linux 6.1 printed it. */
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1188 1 ffff8a3d81c62300 100 0 0 10 0                      
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20212 1 0000000000000000 100 0 0 10 0                    
   2: 0102A8C0:0016 076433C6:9C40 01 00000000:00000000 02:000A7214 00000000     0        0 20390 4 0000000000000000 20 4 29 10 -1                    
   3: 0102A8C0:0050 076433C6:9C41 06 00000000:00000000 03:0000176B 00000000     0        0 0 3 0000000000000000                                      
`
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20214 1 0000000000000000 100 0 0 10 0
   1: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:9C40 01 00000000:00000000 00:00000000 00000000     0        0 20391 1 0000000000000000 20 4 30 10 -1
   2: 0000000000000000FFFF00000102A8C0:0016 0000000000000000FFFF0000076433C6:9C42 01 00000000:00000000 00:00000000 00000000     0        0 20392 1 0000000000000000 20 4 30 10 -1
`
const FIB_TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     |-- 192.0.2.0
        /24 host LOCAL
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 198.51.100.7
        /32 host LOCAL
`
const IF_INET6 = `00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000020000fffe000001 02 40 20 80     eth0
20010db8000000000000000000000001 02 40 00 80 eth0.100
`

describe('files of the machine', () => {
  it('tcp and tcp6: what listens and what is established', () => {
    expect(parseSockets(TCP, source)).toEqual([
      { state: 'listen', local: { address: '127.0.0.1', port: 3306 }, remote: undefined },
      { state: 'listen', local: { address: '0.0.0.0', port: 22 }, remote: undefined },
      {
        state: 'established',
        local: { address: '192.168.2.1', port: 22 },
        remote: { address: '198.51.100.7', port: 40000 },
      },
    ])
    expect(parseSockets(TCP6, source)).toEqual([
      { state: 'listen', local: { address: '::', port: 22 }, remote: undefined },
      {
        state: 'established',
        local: { address: '2001:db8::1', port: 22 },
        remote: { address: '2001:db8::2', port: 40000 },
      },
      {
        state: 'established',
        local: { address: '192.168.2.1', port: 22 },
        remote: { address: '198.51.100.7', port: 40002 },
      },
    ])
  })

  it('a line of another form is refused by its number', () => {
    const broken = TCP.replace('00000000:0016', '0000:0016')
    expect(() => parseSockets(broken, source)).toThrow(
      expect.objectContaining({ code: 'ERR_IPVS_MALFORMED_FILE', line: 3 }),
    )
    expect(() => parseSockets('', source)).toThrow(expect.objectContaining({ line: 1 }))
  })

  it('fib_trie: routes of the type local, each once', () => {
    expect(parseLocalRoutes(FIB_TRIE)).toEqual([
      '127.0.0.0/8',
      '127.0.0.1/32',
      '192.0.2.0/24',
      '198.51.100.7/32',
    ])
    expect(parseLocalRoutes('')).toEqual([])
  })

  it('if_inet6', () => {
    expect(parseIpv6Addresses(IF_INET6, source)).toEqual([
      { address: '::1', prefix: 128, interface: 'lo' },
      { address: 'fe80::200:ff:fe00:1', prefix: 64, interface: 'eth0' },
      { address: '2001:db8::1', prefix: 64, interface: 'eth0.100' },
    ])
  })
})

describe('machine() on the fake kernel', () => {
  it('shows what the options say, and the addresses of the table', async () => {
    const sockets = [
      { state: 'listen', local: { address: '::', port: 22 }, remote: undefined },
      {
        state: 'established',
        local: { address: '2001:db8::1', port: 22 },
        remote: { address: '2001:db8::2', port: 40000 },
      },
    ] as const
    const kernel = new FakeKernel({
      dialect: 'fullnat-v3',
      cpus: 2,
      machine: { sockets, reversePathFilter: 2 },
    })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    const service = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
    await ipvs.services.add(service)
    await ipvs.localAddresses.add(service, '10.1.0.1')
    expect(await ipvs.machine()).toEqual({
      addresses: [
        { address: '127.0.0.1', prefix: 8, interface: 'lo' },
        { address: '::1', prefix: 128, interface: 'lo' },
        { address: '192.0.2.1', prefix: 32, interface: 'eth0' },
        { address: '10.1.0.1', prefix: 32, interface: 'eth0' },
      ],
      localNetworks: undefined,
      interfaces: [
        { name: 'eth0', reversePathFilter: 2, ipv6Checksums: true },
        { name: 'lo', reversePathFilter: 2, ipv6Checksums: true },
      ],
      forwarding: { ipv4: true, ipv6: true },
      sockets,
      cpus: { online: 2, reserved: 0 },
      unread: [],
    })
  })

  it('refuses wrong options of the machine', () => {
    const make = (machine: object) => () => new FakeKernel({ machine })
    expect(make({ forwarding: 1 })).toThrow('options.machine.forwarding')
    expect(make({ reversePathFilter: 3 })).toThrow('options.machine.reversePathFilter')
    expect(make({ sockets: [{ state: 'open' }] })).toThrow('options.machine.sockets[0].state')
    const local = { address: 'here', port: 22 }
    expect(make({ sockets: [{ state: 'listen', local }] })).toThrow(
      'options.machine.sockets[0].local.address',
    )
  })
})

describe.skipIf(process.platform !== 'linux')('this machine', () => {
  const files = machineFiles(new (loadAddon().Connection)(''), false)

  it('is read as it is', async () => {
    const local = parseLocalRoutes(await files.read('fib_trie'))
    expect(local).toContain('127.0.0.0/8')
    expect(files.listAddresses()).toContainEqual({ address: '127.0.0.1', prefix: 8, interface: 'lo' })
    expect(await files.listInterfaces()).toEqual(expect.arrayContaining(['all', 'default', 'lo']))
    expect((await files.readOfInterface('rp_filter', 'lo')).trim()).toMatch(/^[012]$/)
    expect((await files.read('ipv4_forwarding')).trim()).toMatch(/^[01]$/)
    expect(() => parseSockets('x', source)).toThrow()
    expect(Array.isArray(parseSockets(await files.read('tcp'), source))).toBe(true)
    await expect(files.readOfInterface('rp_filter', 'no-such-device')).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })
})
