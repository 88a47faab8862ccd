// Stopping a sync daemon right after its start: the kernel says nothing to the command that ends in -EINTR.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ipvs } from '../../lib'
import { library, PATIENT } from './support/library'
import { INTERFACE, prepareNetwork } from './support/network'

const DAEMON = { state: 'master', interface: INTERFACE, syncId: 3 } as const

describe.each(['netlink', 'sockopt'] as const)('a daemon that is stopped at once, over %s', (transport) => {
  let ipvs: Ipvs
  beforeAll(async () => {
    prepareNetwork()
    ipvs = await library.Ipvs.open({ ...PATIENT, transport, force: true })
  })
  afterAll(() => ipvs.close())

  it('has stopped, and the calls around it have their outcome', async () => {
    for (let round = 0; round < 40; round++) {
      const calls = await Promise.allSettled([
        ipvs.daemons.start(DAEMON),
        ipvs.daemons.stop('master'),
        ipvs.timeouts.get(),
        ipvs.daemons.list(),
      ])
      expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'])
      expect(calls[3]).toMatchObject({ value: [] })
    }
  })

  it('is missing then', async () => {
    await expect(ipvs.daemons.stop('master')).rejects.toMatchObject({ code: 'ESRCH' })
  })
})
