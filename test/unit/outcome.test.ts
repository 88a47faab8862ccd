import { describe, expect, it } from 'vitest'
import { outcomeFlags, Syscall } from '../../lib/border/layout.gen'
import { outcomeError, syscallName } from '../../lib/kernel/outcome-error'

const service = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const outcome = (errno: number, ...flags: (keyof typeof outcomeFlags)[]) =>
  outcomeError(
    {
      requestIndex: 0,
      error: errno,
      syscall: Syscall.sendmsg,
      flags: flags.reduce((sum, flag) => sum | outcomeFlags[flag], 0),
    },
    'services.add',
    { service },
    'fullnat-v3',
  )

describe('outcomeError', () => {
  it.each<[string, number, (keyof typeof outcomeFlags)[], string, boolean]>([
    ['an errno of the kernel', 17, ['sent'], 'EEXIST', true],
    ['an errno before sending', 1, [], 'EPERM', false],
    ['a deadline before sending', 110, ['timedOut'], 'ERR_IPVS_TIMEOUT', false],
    ['a deadline after sending', 110, ['timedOut', 'sent'], 'ERR_IPVS_TIMEOUT', true],
    ['a lost answer', 105, ['unknown', 'sent'], 'ERR_IPVS_OUTCOME_UNKNOWN', true],
    ['an answer that cannot be read', 71, ['malformed', 'sent'], 'ERR_IPVS_MALFORMED_REPLY', true],
    ['a family that is gone', 2, ['familyChanged'], 'ERR_IPVS_NOT_LOADED', false],
    ['a request that does not fit the transport', 97, ['unencodable'], 'ERR_IPVS_UNSUPPORTED', false],
    ['a service that is missing', 3, ['serviceMissing', 'sent'], 'ESRCH', true],
    // The deadline is the reason why the answer is lost.
    ['a deadline with a lost answer', 110, ['timedOut', 'unknown', 'sent'], 'ERR_IPVS_TIMEOUT', true],
  ])('says what %s is', (_, errno, flags, code, sent) => {
    expect(outcome(errno, ...flags)).toMatchObject({
      code,
      sent,
      errno: -errno,
      operation: 'services.add',
      service,
    })
  })

  it('names the answer that was lost', () => {
    expect(outcome(105, 'unknown', 'sent')?.message).toBe(
      'ERR_IPVS_OUTCOME_UNKNOWN: sent, but the answer was lost (ENOBUFS), services.add tcp 192.0.2.1:80',
    )
  })

  it('names every system call', () => {
    for (const [name, number] of Object.entries(Syscall)) {
      expect(syscallName(number)).toBe(name === 'none' ? undefined : name)
    }
    expect(outcome(17, 'sent')?.syscall).toBe('sendmsg')
  })
})
