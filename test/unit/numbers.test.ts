import { describe, expect, it } from 'vitest'
import {
  CHECKSUM_NAMES,
  DAEMON_STATE_NAMES,
  DAEMON_STATES,
  FORWARDING_METHODS,
  FORWARDING_NAMES,
  familyName,
  PROTOCOL_NAMES,
  PROTOCOLS,
  SCHEDULER_FLAGS,
  SCHEDULER_FLAGS_MASK,
  schedulerFlagNames,
  TUNNEL_FLAGS,
  TUNNEL_TYPE_NAMES,
  TUNNEL_TYPES,
} from '../../lib/model/numbers'

describe('numbers', () => {
  it.each<[string, Record<string, number>, Record<number, string>]>([
    ['protocols', PROTOCOLS, PROTOCOL_NAMES],
    ['forwarding methods', FORWARDING_METHODS, FORWARDING_NAMES],
    ['tunnel types', TUNNEL_TYPES, TUNNEL_TYPE_NAMES],
    ['checksums', TUNNEL_FLAGS, CHECKSUM_NAMES],
    ['daemon states', DAEMON_STATES, DAEMON_STATE_NAMES],
  ])('%s have names and numbers that agree', (_, numbers, names) => {
    expect(Object.keys(names)).toHaveLength(Object.keys(numbers).length)
    for (const [name, number] of Object.entries(numbers)) expect(names[number]).toBe(name)
    expect(names[99]).toBeUndefined()
  })

  it('names the scheduler’s bits and no others', () => {
    expect(schedulerFlagNames(0x8007)).toEqual([])
    expect(schedulerFlagNames(0x28)).toEqual(['flag-1', 'flag-3'])
    expect(schedulerFlagNames(0xffffffff)).toEqual(Object.keys(SCHEDULER_FLAGS))
    expect(Object.values(SCHEDULER_FLAGS).reduce<number>((sum, bit) => sum | bit, 0)).toBe(
      SCHEDULER_FLAGS_MASK,
    )
    expect(Object.isFrozen(schedulerFlagNames(0))).toBe(true)
  })

  it('takes every family but AF_INET6 for IPv4', () => {
    expect([2, 10, 0].map(familyName)).toEqual(['ipv4', 'ipv6', 'ipv4'])
  })
})
