// Files that no kernel writes, through the public methods: never a hang, never a wrong number in silence. The parsers alone
// have tests of their own; here it is the way from the seam to the caller.

import { describe, expect, it } from 'vitest'
import type { IpvsError } from '../../lib'
import { rejection } from '../contract/harness'
import { BytesFile, clientOf, garbled } from './support/garbled'
import { goldenFile, goldenNames } from './support/golden-proc'

const METHODS = [
  ['ip_vs_stats', 'stats'],
  ['ip_vs_ext_stats', 'extendedStats'],
  ['ip_vs_app', 'applicationHelpers'],
  ['ip_vs_status', 'status'],
] as const
const WHOLE = METHODS.flatMap(([file, method]) => goldenNames(file).map((name) => ({ name, file, method })))

describe('statistics', () => {
  it.each(WHOLE)(
    '$name, garbled, is an error that names the line, or what it says',
    async ({ name, file, method }) => {
      const dialect = name.includes('mainline') ? 'mainline' : 'fullnat-v2'
      const { ipvs, set } = await clientOf({ dialect, resizableTables: true })
      const golden = goldenFile(name)
      const tell = async (text: string, piece: number) => {
        const opened = new BytesFile(Buffer.from(text), piece)
        set(({ files }) => ({ open: async (asked) => (asked === file ? opened : files.open(asked)) }))
        const result = await ipvs[method]().catch((error: IpvsError) => error)
        expect(opened.closed).toBe(1)
        return result
      }
      const right = await tell(golden, 4096)
      expect(right).not.toBeInstanceOf(Error)
      expect(await tell(golden, 1)).toEqual(right)
      const rows = golden.split('\n').length
      for (const text of garbled(golden)) {
        const result = await tell(text, 4096)
        if (!(result instanceof Error)) {
          // Cut between two rows: it is a shorter file.
          expect(golden.startsWith(text) && text.endsWith('\n')).toBe(true)
          continue
        }
        expect(result).toMatchObject({
          code: 'ERR_IPVS_MALFORMED_FILE',
          operation: method,
          file: `/proc/net/${file}`,
        })
        const { line, text: shown } = result as IpvsError
        expect(line).toBeLessThanOrEqual(rows + 1)
        expect(shown).toBe(text.split('\n')[(line as number) - 1]?.slice(0, 200))
      }
      await ipvs.close()
    },
  )
})

describe('sysctls', () => {
  const TEXTS = [
    '',
    '\n',
    'x\n',
    '1',
    '1\r\n',
    '1\0\n',
    '1 2 3\n',
    '1\n1\n',
    '-\n',
    `${'9'.repeat(5000)}\n`,
    '1e3\n',
    '0x1\n',
  ]

  it.each(TEXTS)('%j is no number', async (text) => {
    const { ipvs, set } = await clientOf({ dialect: 'fullnat-v2' })
    set(() => ({ readSysctl: async () => text }))
    const malformed = { code: 'ERR_IPVS_MALFORMED_FILE', line: 1, text: text.slice(0, 200) }
    expect(await rejection(ipvs.sysctl.get('amemthresh'))).toMatchObject({
      ...malformed,
      file: '/proc/sys/net/ipv4/vs/amemthresh',
    })
    expect(await rejection(ipvs.sysctl.list())).toMatchObject(malformed)
    await ipvs.close()
  })
})

describe('the machine', () => {
  const NUMBERS = ['', '1\n1\n', 'x\n', '1', '1 1\n', '\0\n', '1\r\n', '1e3\n']

  it.each(NUMBERS)('%j is neither on nor off, and no mode', async (text) => {
    const { ipvs, set } = await clientOf({ dialect: 'fullnat-v2' })
    set(({ machine }) => ({
      machine: {
        read: async (name) => (name.endsWith('_forwarding') ? text : ((await machine?.read(name)) as string)),
        readOfInterface: async () => text,
      },
    }))
    const { forwarding, interfaces, unread } = await ipvs.machine()
    expect(forwarding).toBeUndefined()
    for (const { reversePathFilter, ipv6Checksums } of interfaces ?? [])
      expect([reversePathFilter, ipv6Checksums]).toEqual([undefined, undefined])
    expect(interfaces).not.toHaveLength(0)
    expect(new Set(unread.map(({ part, code }) => `${part} ${code}`))).toEqual(
      new Set(['forwarding ERR_IPVS_MALFORMED_FILE', 'interfaces ERR_IPVS_MALFORMED_FILE']),
    )
    await ipvs.close()
  })

  const IF_INET6 = '20010db8000000000000000000000001 02 40 00 80     eth0\n'

  it.each(['tcp', 'tcp6', 'if_inet6'] as const)('%s: every prefix is refused, or shorter', async (file) => {
    const sockets = [
      {
        state: 'listen',
        local: { address: file === 'tcp6' ? '::' : '0.0.0.0', port: 22 },
        remote: undefined,
      },
    ] as const
    const { ipvs, set } = await clientOf({
      dialect: 'mainline',
      machine: { sockets },
    })
    let whole = ''
    let end: number | undefined
    set(({ machine }) => ({
      machine: {
        listAddresses: () => undefined,
        async read(name) {
          // The fake has one namespace, and so no need of if_inet6.
          const text = name === 'if_inet6' ? IF_INET6 : ((await machine?.read(name)) as string)
          if (name !== file) return text
          whole = text
          return text.slice(0, end)
        },
      },
    }))
    expect((await ipvs.machine()).unread).toEqual([])
    for (end = 0; end <= whole.length; end++) {
      const { unread } = await ipvs.machine()
      const part = file === 'if_inet6' ? 'addresses' : 'sockets'
      const cutWithin = end > 0 && whole[end - 1] !== '\n'
      const failed = unread.some((one) => one.part === part && one.code === 'ERR_IPVS_MALFORMED_FILE')
      expect(failed).toBe(cutWithin || (end === 0 && file !== 'if_inet6'))
    }
    expect(whole.length).toBeGreaterThan(10)
    await ipvs.close()
  })
})
