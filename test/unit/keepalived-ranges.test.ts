// What each keepalived makes of an entry of a group, and what is made of it here: every row of the table, and what is beside it.
import { describe, expect, it } from 'vitest'
import type { KeepalivedDialect } from '../../lib/formats'
import { parseKeepalived } from '../../lib/formats'

const VIRTUAL = 'lb_algo wrr\nlb_kind NAT\nprotocol TCP\nreal_server 10.9.0.5 80 {\nweight 1\n}'

function servicesOf(entry: string, dialect: KeepalivedDialect, given = VIRTUAL) {
  // Real servers are of the family of the first entry.
  const body = /^[0-9a-f]*:/.test(entry) ? given.replace('10.9.0.5', 'fd09::5') : given
  const text = `virtual_server_group web {\n${entry}\n}\nvirtual_server group web {\n${body}\n}\n`
  const { state, errors, warnings } = parseKeepalived(text, { dialect })
  return {
    addresses: (state.services ?? []).map(({ address }) => address),
    services: state.services ?? [],
    errors: errors.map(({ code, message }) => ({ code, message })),
    warnings: warnings.map(({ code, message }) => ({ code, message })),
  }
}

function localOf(entry: string, dialect: KeepalivedDialect) {
  const device = dialect === 'dpvs' ? ' dpdk0' : ''
  const text = `local_address_group l {\n${entry}${device}\n}\n`
  const { state, errors, warnings } = parseKeepalived(text, { dialect })
  return {
    addresses: state.pools?.l?.addresses,
    errors: errors.map(({ code }) => code),
    warnings: warnings.filter(({ code }) => code !== 'empty-group').map(({ message }) => message),
  }
}

const quads = (first: string, count: number) => {
  const [a, b, c, d] = first.split('.').map(Number) as [number, number, number, number]
  return Array.from({ length: count }, (_, i) => {
    const last = d + i
    return `${a}.${b}.${c + Math.floor(last / 256)}.${last % 256}`
  })
}

interface Row {
  readonly text: string
  /** What is read; an error's code where nothing is. */
  readonly ours: readonly string[] | string
  /** What is told of the program; undefined: it reads the same. */
  readonly told: string | undefined
}

const rows: Readonly<Record<KeepalivedDialect, readonly Row[]>> = {
  mainline: [
    { text: '10.0.0.1-3', ours: quads('10.0.0.1', 3), told: undefined },
    { text: '10.0.0.250-255', ours: quads('10.0.0.250', 6), told: undefined },
    { text: '10.0.0.9-3', ours: 'range-reversed', told: 'drops it' },
    { text: '10.0.0.1-256', ours: 'bad-range-end', told: 'drops it' },
    { text: '10.0.0.1-10.0.0.4', ours: quads('10.0.0.1', 4), told: undefined },
    { text: '10.0.1.0-0', ours: ['10.0.1.0'], told: 'drops it' },
    { text: '198.51.100.250-198.51.101.2', ours: quads('198.51.100.250', 9), told: undefined },
    { text: '2001:db8::fffe-ffff', ours: ['2001:db8::fffe', '2001:db8::ffff'], told: undefined },
    { text: '192.0.2.0-255', ours: quads('192.0.2.0', 256), told: undefined },
    { text: '10.0.0.0/30', ours: quads('10.0.0.0', 4), told: undefined },
    { text: '10.0.0.1/30', ours: 'bad-network', told: 'drops it' },
    { text: '10.0.0.0/0', ours: 'bad-network', told: 'drops it' },
    {
      text: 'fd00::9-10',
      ours: ['9', 'a', 'b', 'c', 'd', 'e', 'f', '10'].map((group) => `fd00::${group}`),
      told: undefined,
    },
    { text: '10.0.0.4-10.0.0.1', ours: 'range-reversed', told: 'drops it' },
    { text: '10.0.0.4-fd00::1', ours: 'bad-range-end', told: 'drops it' },
  ],
  alibaba: [
    { text: '10.0.0.1-3', ours: quads('10.0.0.1', 3), told: undefined },
    { text: '10.0.0.250-255', ours: quads('10.0.0.250', 6), told: 'drops it' },
    { text: '10.0.0.9-3', ours: 'range-reversed', told: 'makes nothing of it' },
    { text: '10.0.0.1-256', ours: 'bad-range-end', told: 'makes 10.0.0.1 alone of it' },
    { text: '10.0.0.1-300', ours: 'bad-range-end', told: 'makes 10.0.0.1 to 10.0.0.44 of it' },
    { text: '10.0.0.1-10.0.0.4', ours: quads('10.0.0.1', 4), told: 'makes 10.0.0.1 to 10.0.0.10 of it' },
    { text: '10.0.1.0-0', ours: ['10.0.1.0'], told: undefined },
    { text: '198.51.100.250-198.51.101.2', ours: quads('198.51.100.250', 9), told: 'makes nothing of it' },
    {
      text: '2001:db8::fffe-ffff',
      ours: ['2001:db8::fffe', '2001:db8::ffff'],
      told: 'makes 2001:db8::fffe alone of it',
    },
    { text: '192.0.2.0-255', ours: quads('192.0.2.0', 256), told: 'drops it' },
    { text: '10.0.0.0/30', ours: ['10.0.0.0'], told: 'cuts the prefix length off' },
    { text: '10.0.0.1/30', ours: ['10.0.0.1'], told: 'cuts the prefix length off' },
    { text: 'fd00::9-10', ours: ['fd00::9', 'fd00::a'], told: undefined },
  ],
  dpvs: [
    { text: '10.0.0.1-3', ours: quads('10.0.0.1', 3), told: undefined },
    { text: '10.0.0.250-255', ours: quads('10.0.0.250', 6), told: undefined },
    { text: '10.0.0.9-3', ours: 'range-reversed', told: 'drops it' },
    { text: '10.0.0.1-256', ours: 'bad-range-end', told: 'drops it' },
    { text: '10.0.0.1-10.0.0.4', ours: quads('10.0.0.1', 4), told: 'makes 10.0.0.1 to 10.0.0.10 of it' },
    { text: '10.0.1.0-0', ours: ['10.0.1.0'], told: 'drops it' },
    { text: '198.51.100.250-198.51.101.2', ours: quads('198.51.100.250', 9), told: 'drops it' },
    { text: '2001:db8::fffe-ffff', ours: ['2001:db8::fffe', '2001:db8::ffff'], told: undefined },
    { text: '192.0.2.0-255', ours: quads('192.0.2.0', 256), told: undefined },
    { text: '10.0.0.0/30', ours: ['10.0.0.0'], told: 'cuts the prefix length off' },
    { text: '10.0.0.1/30', ours: ['10.0.0.1'], told: 'cuts the prefix length off' },
    {
      text: 'fd00::9-10',
      ours: ['9', 'a', 'b', 'c', 'd', 'e', 'f', '10'].map((g) => `fd00::${g}`),
      told: undefined,
    },
  ],
}

describe.each(['mainline', 'alibaba', 'dpvs'] as const)(
  'an entry of a virtual_server_group of %s',
  (dialect) => {
    it.each(rows[dialect])('$text', ({ text, ours, told }) => {
      const { addresses, errors, warnings } = servicesOf(`${text} 80`, dialect)
      if (typeof ours === 'string') {
        expect(errors.map(({ code }) => code)).toContain(ours)
        expect(addresses).toEqual([])
        expect(errors[0]?.message).toContain(told)
        return
      }
      expect(errors).toEqual([])
      expect(addresses).toEqual(ours)
      if (told === undefined) expect(warnings).toEqual([])
      else expect(warnings.map(({ message }) => message).join()).toContain(told)
    })
  },
)

describe('an entry of a local_address_group', () => {
  it.each([
    ['alibaba', '10.0.0.250-255', '10.0.0.250-10.0.0.255', 'drops it'],
    ['dpvs', '10.0.0.250-255', '10.0.0.250-10.0.0.255', 'drops it'],
    ['alibaba', '10.0.1.0-0', '10.0.1.0', undefined],
    ['dpvs', '10.0.1.0-0', '10.0.1.0', undefined],
    ['dpvs', '2001:db8::fffe-ffff', '2001:db8::fffe-2001:db8::ffff', 'drops it'],
    ['dpvs', 'fd00::9-10', 'fd00::9-fd00::10', undefined],
    ['alibaba', 'fd00::9-10', 'fd00::9-fd00::a', undefined],
    ['dpvs', '10.0.0.1-10.0.0.4', '10.0.0.1-10.0.0.4', 'makes 10.0.0.1 to 10.0.0.10 of it'],
    ['alibaba', '10.1.0.1-20', '10.1.0.1-10.1.0.20', undefined],
  ] as const)('%s: %s', (dialect, text, ours, told) => {
    const { addresses, errors, warnings } = localOf(text, dialect)
    expect(errors).toEqual([])
    expect(addresses).toEqual([ours])
    if (told === undefined) expect(warnings).toEqual([])
    else expect(warnings.join()).toContain(told)
  })

  it('dpvs ends without a device, and with a range that ends before it begins nothing comes of it', () => {
    const { errors } = parseKeepalived('local_address_group l {\n10.1.0.1\n}\n', { dialect: 'dpvs' })
    expect(errors.map(({ code }) => code)).toEqual(['missing-value'])
    expect(localOf('10.0.0.9-3', 'dpvs').errors).toEqual(['range-reversed'])
  })
})

describe('ports and marks in a group', () => {
  it('no port needs persistence, which mainline and dpvs set', () => {
    for (const entry of ['192.0.2.77 0', '192.0.2.78']) {
      for (const dialect of ['mainline', 'dpvs'] as const) {
        const { services, errors, warnings } = servicesOf(entry, dialect)
        expect(errors).toEqual([])
        expect(services[0]).toMatchObject({ port: 0, persistence: { timeout: 360 } })
        expect(warnings.map(({ code }) => code)).toContain('persistence-set')
      }
    }
    const zero = servicesOf('192.0.2.77 0', 'alibaba')
    expect(zero.services[0]).toMatchObject({ port: 0 })
    expect(zero.services[0]?.persistence).toBeUndefined()
    expect(zero.warnings.map(({ code }) => code)).toEqual(['port-0'])
    expect(servicesOf('192.0.2.78', 'alibaba').errors.map(({ code }) => code)).toEqual(['missing-port'])
  })

  it('no kernel has a service of fwmark 0', () => {
    for (const dialect of ['mainline', 'alibaba', 'dpvs'] as const) {
      expect(servicesOf('fwmark 0', dialect).errors.map(({ code }) => code)).toEqual(['fwmark-0'])
    }
  })

  it('dpvs adds local addresses to a part of a range only, or for ever', () => {
    const body = 'lb_algo wrr\nlb_kind FNAT\nprotocol TCP\nladdr_group_name l\nreal_server 10.9.0.5 80 {\n}'
    const told = (entry: string) =>
      servicesOf(entry, 'dpvs', body)
        .warnings.filter(({ code }) => code === 'local-addresses-of-range')
        .map(({ message }) => message)
        .join()
    expect(told('192.0.2.0-255 80')).toContain('never ends')
    expect(told('10.0.0.100-120 80')).toContain('adds no local addresses')
    expect(told('10.0.0.5-100 80')).toContain('up to 95')
    expect(told('10.0.0.0-100 80')).toBe('')
    expect(told('10.0.0.7 80')).toBe('')
  })

  it('the loop of mainline looks at the last 16 bits of an IPv6 address only', () => {
    const { addresses, warnings } = servicesOf('2001:db8::fffe-2001:db8::1:1 80', 'mainline')
    expect(addresses).toHaveLength(4)
    expect(warnings.map(({ code }) => code)).toEqual(['range-read-otherwise'])
  })

  it('families: dpvs does not mix them, and mainline does with tunnels only', () => {
    const dpvs = servicesOf('10.0.0.1 80\nfd00::1 80', 'dpvs')
    expect(dpvs.errors.map(({ code }) => code)).toEqual(['mixed-families'])
    const mainline = servicesOf('10.0.0.1 80\nfd00::1 80', 'mainline')
    expect(mainline.errors.map(({ code }) => code)).toEqual(['family-mismatch'])
    expect(mainline.services.map(({ destinations }) => destinations?.length)).toEqual([1, 0])
  })
})

describe('sizes', () => {
  it('a range is at most 65,536 addresses', () => {
    const { errors, addresses } = servicesOf('10.0.0.0/15 80', 'mainline')
    expect(errors.map(({ code }) => code)).toEqual(['range-too-large'])
    expect(addresses).toEqual([])
    expect(servicesOf('0.0.0.0-255.255.255.255 80', 'mainline').errors[0]?.message).toContain(
      '4294967296 addresses',
    )
    expect(servicesOf('::/1 80', 'mainline').errors.map(({ code }) => code)).toEqual(['range-too-large'])
    expect(servicesOf('10.0.0.0/16 80', 'mainline').addresses).toHaveLength(65536)
  })

  it('a local group is at most 65,536 addresses, and a configuration 100,000 services', () => {
    const local = Array.from({ length: 300 }, (_, i) => `10.${i >> 8}.${i & 255}.0-254`).join('\n')
    const { errors, state } = parseKeepalived(`local_address_group l {\n${local}\n}\n`, {
      dialect: 'alibaba',
    })
    expect(errors.map(({ code }) => code)).toEqual(['group-too-large'])
    expect(state.pools?.l?.addresses).toHaveLength(257)
    const many = servicesOf('10.0.0.0/16 80\n10.1.0.0/16 80', 'mainline')
    expect(many.errors.map(({ code }) => code)).toEqual(['too-many-services'])
    expect(many.services).toHaveLength(100_000)
  })
})
