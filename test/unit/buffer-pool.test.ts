import { describe, expect, it } from 'vitest'
import { Operation, Transport } from '../../lib/border/layout.gen'
import { RequestBuffer, TRIP_REQUESTS } from '../../lib/border/request'
import { BufferPool } from '../../lib/dispatch/buffer-pool'

const FLUSH = { operation: Operation.flush }

describe('a buffer that comes back', () => {
  const pool = () => new BufferPool(Transport.netlink, 2)

  it('is empty and used again', () => {
    const buffers = pool()
    const first = buffers.stage(FLUSH)
    buffers.startAnew()
    buffers.giveBack(first)
    expect(first.count).toBe(0)
    expect(buffers.buffer()).toBe(first)
  })

  it('is forgotten where there are enough', () => {
    const buffers = pool()
    const given = [1, 2, 3].map(() => buffers.buffer())
    for (const one of given) buffers.giveBack(one)
    expect([buffers.buffer(), buffers.buffer()]).toEqual([given[1], given[0]])
    expect(given).not.toContain(buffers.buffer())
  })

  it('is forgotten where it is larger than a job: fullnat-v2 removes a service with thousands of requests', () => {
    const buffers = pool()
    const [full, oversized] = [buffers.buffer(), buffers.buffer()]
    for (let i = 0; i < TRIP_REQUESTS; i++) buffers.pack(full, FLUSH)
    for (let i = 0; i < TRIP_REQUESTS + 1; i++) buffers.pack(oversized, FLUSH)
    buffers.giveBack(oversized)
    buffers.giveBack(full)
    expect(buffers.buffer()).toBe(full)
    expect(buffers.buffer()).not.toBe(oversized)
  })
})

describe('what is staged', () => {
  it('goes into another buffer when it has become a trip, and not when another one has', () => {
    const buffers = new BufferPool(Transport.netlink, 2)
    const staged = buffers.stage(FLUSH)
    buffers.startAnew(buffers.buffer())
    expect(buffers.stage(FLUSH)).toBe(staged)
    buffers.startAnew(staged)
    const next = buffers.stage(FLUSH)
    expect(next).not.toBe(staged)
    buffers.startAnew()
    expect(buffers.stage(FLUSH)).not.toBe(next)
  })

  it('is nothing: then no buffer is taken from those that came back', () => {
    const buffers = new BufferPool(Transport.netlink, 2)
    const spare = buffers.buffer()
    buffers.giveBack(spare)
    buffers.startAnew()
    expect(buffers.buffer()).toBe(spare)
  })
})

it('a buffer grows a few times only, far beyond a job as well', () => {
  const buffer = new RequestBuffer()
  const memories = new Set<ArrayBufferLike>()
  for (let i = 0; i < 30 * TRIP_REQUESTS; i++) {
    buffer.push(FLUSH, Transport.netlink)
    memories.add(buffer.bytes.buffer)
  }
  expect(buffer.count).toBe(30 * TRIP_REQUESTS)
  expect(memories.size).toBeGreaterThan(1)
  expect(memories.size).toBeLessThan(10)
})
