// `ipvs-fullnat exporter`, in this process; as a program it runs in test/package and on the real kernels.

import { once } from 'node:events'
import { request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Ipvs } from '../../../lib'
import { createExporter } from '../../../lib/cli/exporter'
import { contentType } from '../../../lib/metrics'
import { FakeKernel } from '../../../lib/testing'
import { parseExposition, valuesOf } from './exposition-parser'

let kernel: FakeKernel
let ipvs: Ipvs
let server: Server

beforeEach(async () => {
  kernel = new FakeKernel()
  ipvs = await Ipvs.open({ transport: kernel.transport(), timeout: 60_000 })
  server = createExporter(ipvs, { compat: 'node_exporter' })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await ipvs.close()
})

interface Answer {
  readonly status: number | undefined
  readonly type: string | undefined
  readonly text: string
}

/** Not fetch(): it would tidy the path. */
async function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { port } = server.address() as AddressInfo
  const sent = request({ host: '127.0.0.1', port, path, agent: false, ...options })
  sent.end()
  const [answer] = await once(sent, 'response')
  let text = ''
  for await (const piece of answer) text += piece
  return { status: answer.statusCode, type: answer.headers['content-type'], text }
}

it('serves metrics', async () => {
  const { status, type, text } = await ask('/metrics')
  expect([status, type]).toEqual([200, contentType])
  expect(parseExposition(text).has('node_ipvs_connections_total')).toBe(true)
  expect((await ask('/metrics?debug=1')).status).toBe(200)
  expect(await ask('/metrics', { method: 'HEAD' })).toEqual({ status: 200, type: contentType, text: '' })
})

it('says that it is well, and what is wrong', async () => {
  expect(await ask('/healthz')).toMatchObject({ status: 200, text: 'ok\n' })
  kernel.revoke()
  const { status, type, text } = await ask('/healthz')
  expect([status, type]).toEqual([503, 'text/plain; charset=utf-8'])
  expect(text).toMatch(/^EPERM: .*, info\n {2}\S.*\n$/)
  // The metrics themselves say it in theirs.
  const metrics = await ask('/metrics')
  expect(metrics.status).toBe(200)
  expect(valuesOf(metrics.text, 'ipvs_up')).toEqual({ '': '0' })
})

it('answers 503 with the reason where there is nothing to serve', async () => {
  await ipvs.close()
  expect(await ask('/metrics')).toMatchObject({
    status: 503,
    text: expect.stringMatching(/^ERR_IPVS_CLOSED: the client is closed, .*\n {2}Open a new one/),
  })
})

it('answers before Prometheus gives up', async () => {
  const fault = kernel.neverAnswer('snapshot')
  const headers = { 'x-prometheus-scrape-timeout-seconds': '0.55' }
  const { status, text } = await ask('/metrics', { headers })
  expect(status).toBe(503)
  expect(text).toMatch(/^ERR_IPVS_TIMEOUT: the scrape was not over after 275 ms, metrics.collect\n/)
  fault.remove()
})

it.each([
  ['0.3', 150],
  ['1e-9', 1],
])('leaves itself half of a short patience of %s s', async (seconds, milliseconds) => {
  const fault = kernel.neverAnswer('snapshot')
  const { text } = await ask('/metrics', { headers: { 'x-prometheus-scrape-timeout-seconds': seconds } })
  expect(text).toContain(`the scrape was not over after ${milliseconds} ms`)
  fault.remove()
})

it.each(['1e300', 'Infinity', 'NaN', '-1', '', 'soon'])(
  'serves one whose patience is %s',
  async (seconds) => {
    const { status } = await ask('/metrics', { headers: { 'x-prometheus-scrape-timeout-seconds': seconds } })
    expect(status).toBe(200)
  },
)

it.each(['/', '/metric', '//', '/toString', '/metrics/', '/%', '/constructor?x'])(
  'has nothing at %s',
  async (path) => {
    const { status, text } = await ask(path)
    expect(status).toBe(404)
    expect(text).toContain('/metrics, /healthz')
  },
)

it('is asked with GET', async () => {
  expect((await ask('/metrics', { method: 'POST' })).status).toBe(405)
})
