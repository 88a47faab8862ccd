import { describe, expect, it } from 'vitest'
import { invalidType, invalidValue, outOfRange } from '../../lib/errors/argument-errors'
import { IpvsError, IpvsErrorCodes, ownError } from '../../lib/errors/ipvs-error'
import { errnoName } from '../../lib/kernel/errno'
import { kernelError } from '../../lib/kernel/errno-meanings'
import type { Dialect } from '../../lib/model/call-types'
import type { ServiceKey } from '../../lib/model/types'

const service = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const destination = { address: '10.0.0.1', port: 8080 }

const fail = (errno: number, operation: string, dialect: Dialect = 'fullnat-v2') =>
  kernelError({ errno, operation, dialect, sent: true, syscall: 'sendmsg', subject: { service } })

describe('IpvsError', () => {
  it('has Node’s form of message and carries what it was about', () => {
    const error = fail(17, 'services.add')
    expect(error).toBeInstanceOf(IpvsError)
    expect(error).toBeInstanceOf(Error)
    expect(error.message).toBe('EEXIST: service already exists, services.add tcp 192.0.2.1:80')
    expect(error).toMatchObject({ code: 'EEXIST', errno: -17, syscall: 'sendmsg', operation: 'services.add' })
    expect(error).toMatchObject({ service, destination: undefined, localAddress: undefined, sent: true })
    expect(error.hint).toMatch(/services\.set\(\)/)
    expect(String(error)).toMatch(/^IpvsError: EEXIST/)
  })

  it('names the destination and the local address', () => {
    const about = { errno: 17, dialect: 'fullnat-v3', sent: true } as const
    const subject = { service, destination }
    expect(kernelError({ ...about, operation: 'destinations.add', subject }).message).toBe(
      'EEXIST: destination already exists, destinations.add tcp 192.0.2.1:80 -> 10.0.0.1:8080',
    )
    const local = { service: { fwmark: 7 }, localAddress: '10.1.0.1' }
    expect(kernelError({ ...about, operation: 'localAddresses.add', subject: local }).message).toBe(
      'EEXIST: the service already has this local address, localAddresses.add fwmark 7 via 10.1.0.1',
    )
  })

  it('becomes JSON with every field and the message of the cause', () => {
    const cause = new Error('why')
    const error = ownError(IpvsErrorCodes.ADDON, { cause, operation: 'open' })
    expect(error.cause).toBe(cause)
    expect(Object.keys(error)).not.toContain('cause')
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'IpvsError',
      message: 'ERR_IPVS_ADDON: the native addon cannot be loaded, open',
      code: 'ERR_IPVS_ADDON',
      operation: 'open',
      sent: false,
      hint: error.hint,
      cause: 'why',
    })
  })

  it('is an AbortError when aborted', () => {
    expect(ownError('ABORT_ERR', { sent: true })).toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      sent: true,
    })
  })

  it('has a description for every code of its own', () => {
    for (const code of Object.values(IpvsErrorCodes)) {
      expect(ownError(code).message).toMatch(new RegExp(`^${code}: [a-z].{10}`))
    }
  })
})

describe('kernelError', () => {
  it.each([
    [3, 'services.remove', 'ESRCH: no such service'],
    [3, 'destinations.add', 'ESRCH: no such service'],
    [3, 'zero', 'ESRCH: no such service'],
    [3, 'daemons.stop', 'ESRCH: no daemon of this state runs'],
    [2, 'services.set', 'ENOENT: no such scheduler or persistence engine'],
    [2, 'destinations.remove', 'ENOENT: no such destination'],
    [2, 'localAddresses.remove', 'ENOENT: the service has no such local address'],
    [2, 'open', 'ENOENT: no such network namespace'],
    [17, 'daemons.start', 'EEXIST: a daemon of this state already runs'],
    [19, 'daemons.start', 'ENODEV: no such network interface'],
    [34, 'destinations.set', 'ERANGE: weight or thresholds out of range'],
    [22, 'destinations.add', 'EINVAL: destination address is neither local nor unicast'],
    [22, 'destinations.set', 'EINVAL: the kernel refused the arguments'],
    [22, 'services.update', 'EINVAL: the kernel refused the service'],
    [22, 'daemons.start', 'EINVAL: the kernel refused the daemon'],
    [22, 'open', 'EINVAL: not a network namespace'],
    [1, 'services.list', 'EPERM: not permitted'],
    [13, 'services.add', 'EACCES: access denied'],
    [92, 'localAddresses.add', 'ENOPROTOOPT: this kernel has no such command'],
    [95, 'localAddresses.add', 'EOPNOTSUPP: this kernel has no such command'],
    [97, 'services.add', 'EAFNOSUPPORT: the kernel lacks this address family'],
    [12, 'services.add', 'ENOMEM: the kernel is out of memory'],
    [105, 'services.add', 'ENOBUFS: answers of the kernel were lost'],
    [16, 'snapshot', 'EBUSY: the kernel is busy'],
    [4000, 'flush', 'ERRNO_4000: the kernel answered errno 4000'],
  ])('errno %i of %s is "%s"', (errno, operation, message) => {
    const error = fail(errno, operation)
    expect(error.message.slice(0, message.length)).toBe(message)
    expect(error.errno).toBe(-errno)
    if (errno !== 4000) expect(error.hint).toMatch(/\.$/)
  })

  it.each([
    'services.list',
    'services.get',
    'services.iterate',
    'services.remove',
    'destinations.list',
    'destinations.get',
    'destinations.iterate',
    'destinations.remove',
    'localAddresses.list',
    'snapshot',
    'daemons.list',
    'timeouts.get',
    'info',
    'zero',
    'flush',
  ])('what %s passes no value for is not blamed', (operation) => {
    for (const errno of [2, 22, 34]) {
      for (const dialect of ['mainline', 'fullnat-v2', 'fullnat-v3'] as const) {
        const { message, hint } = fail(errno, operation, dialect)
        const removal = operation === 'destinations.remove' && errno === 2
        expect(removal ? '' : `${message.split(',')[0]} ${hint}`).not.toMatch(
          /forwarding|weight|threshold|tunnel|scheduler|netmask|daemon|multicast|no such destination/i,
        )
      }
    }
  })

  it('a destination of the other family names the sync daemon on mainline, others never do', () => {
    const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
    const hintOf = (service: ServiceKey, address: string, operation: string, dialect: Dialect) => {
      const subject = { service, destination: { address, port: 80 } }
      return kernelError({ errno: 22, operation, subject, dialect, sent: true }).hint
    }
    for (const operation of ['add', 'set', 'update', 'ensure'].map((name) => `destinations.${name}`)) {
      expect(hintOf(web, '2001:db8::9', operation, 'mainline')).toMatch(/daemon/)
      expect(hintOf({ fwmark: 7, family: 'ipv6' }, '10.0.0.1', operation, 'mainline')).toMatch(/daemon/)
      expect(hintOf(web, '10.0.0.1', operation, 'mainline')).not.toMatch(/daemon/)
      expect(hintOf({ fwmark: 7 }, '10.0.0.1', operation, 'mainline')).not.toMatch(/daemon/)
      expect(hintOf(web, '2001:db8::9', operation, 'fullnat-v2')).not.toMatch(/daemon/)
    }
    expect(fail(22, 'daemons.start', 'mainline').hint).toMatch(/destination of the other address family/)
    expect(fail(22, 'daemons.start', 'fullnat-v2').hint).not.toMatch(/destination/)
    expect(fail(12, 'services.add', 'mainline').hint).not.toMatch(/fullnat-v3/)
  })

  it('trap: EACCES from zero means unsupported, not a lack of privilege', () => {
    expect(fail(13, 'zero', 'fullnat-v3')).toMatchObject({
      code: 'ERR_IPVS_UNSUPPORTED',
      errno: -13,
      sent: true,
    })
    expect(fail(1, 'zero', 'fullnat-v3').code).toBe('EPERM')
    expect(fail(13, 'zero', 'mainline').code).toBe('EACCES')
  })

  it('names Linux numbers in Linux words', () => {
    expect([1, 2, 3, 95, 105].map(errnoName)).toEqual(['EPERM', 'ENOENT', 'ESRCH', 'EOPNOTSUPP', 'ENOBUFS'])
    expect([0, -1, 4000].map(errnoName)).toEqual(['ERRNO_0', 'ERRNO_-1', 'ERRNO_4000'])
  })
})

describe('argument errors', () => {
  it('have Node’s messages, a code and the field', () => {
    const type = invalidType('destination.port', 'number', '80')
    expect(type).toBeInstanceOf(TypeError)
    expect(type.message).toBe(
      'The "destination.port" property must be of type number. Received type string (\'80\')',
    )
    expect(type).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE', field: 'destination.port' })

    const value = invalidValue('service', 'must be real', undefined)
    expect(value).toBeInstanceOf(TypeError)
    expect(value.message).toBe("The argument 'service' must be real. Received undefined")
    expect(value).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', field: 'service' })

    const range = outOfRange('service.port', '>= 0 && <= 65535', 70000)
    expect(range).toBeInstanceOf(RangeError)
    expect(range.message).toBe(
      'The value of "service.port" is out of range. It must be >= 0 && <= 65535. Received 70000',
    )
    expect(range).toMatchObject({ code: 'ERR_OUT_OF_RANGE', field: 'service.port' })
  })

  it('shorten what was received', () => {
    expect(invalidValue('a', 'is long', 'x'.repeat(1000)).message.length).toBeLessThan(170)
    expect(invalidType('a', 'string', null).message).toMatch(/Received null$/)
    expect(invalidType('a', 'string', { b: { c: 1 } }).message).toMatch(/Received \{ b: \[Object\] \}$/)
  })
})
