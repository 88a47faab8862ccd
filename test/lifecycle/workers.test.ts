import { describe, expect, it } from 'vitest'
import { endedWell, runFixture, TIMEOUT } from './run-fixture'

describe('worker threads', () => {
  it('load the addon side by side with the main thread', { timeout: TIMEOUT }, async () => {
    expect(await runFixture('workers', [6, 20])).toEqual(endedWell('done: 140'))
  })

  it('are terminated with jobs pending', { timeout: TIMEOUT }, async () => {
    expect(await runFixture('terminate', [30, 'terminate'])).toEqual(endedWell('done: 30, no socket is left'))
  })

  it('exit by themselves with jobs pending', { timeout: TIMEOUT }, async () => {
    expect(await runFixture('terminate', [30, 'exit'])).toEqual(endedWell('done: 30, no socket is left'))
  })

  it('are terminated while their jobs wait for the only thread of the pool', {
    timeout: TIMEOUT,
  }, async () => {
    const ended = await runFixture('terminate', [15, 'terminate'], { threads: 1 })
    expect(ended).toEqual(endedWell('done: 15, no socket is left'))
  })
})
