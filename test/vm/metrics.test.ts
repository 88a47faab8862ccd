// Metrics of the guest's kernel, held against its own /proc/net/ip_vs, and the exporter. promtool looks at what is left in
// /work/out when the guest is gone (scripts/vm/metrics-results.mjs).

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { fillTable, metricsContract } from '../contract/metrics'
import { parseExposition, valuesOf } from '../unit/metrics/exposition-parser'
import { kernelHarness } from './support/kernel'
import { library, metrics, PATIENT, project } from './support/library'

const harness = await kernelHarness('netlink')
metricsContract(harness, metrics.collect)
metricsContract(await kernelHarness('sockopt'), metrics.collect)

const keep = (name: string, text: string) => writeFileSync(`/work/out/metrics-${name}.prom`, text)

const quad = (hex: string) => (hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).join('.')
const address = (text: string) => {
  if (!text.startsWith('[')) return quad(text)
  const key = library.parseDestinationKey(`${text}:0`)
  return key?.address as string
}

/** Weights by labels, read as node_exporter reads the file, but with every protocol. */
function weightsInProc(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  let local = ''
  for (const line of text.split('\n').slice(3)) {
    const mark = /^FWM\s+([0-9A-F]{8}) /.exec(line)
    const service = /^(\S+)\s+(\[.*\]|[0-9A-F]{8}):([0-9A-F]{4}) /.exec(line)
    const target = /^ {2}-> (\[.*\]|[0-9A-F]{8}):([0-9A-F]{4})\s+\S+\s+(\d+) /.exec(line)
    if (mark) local = `local_mark=${mark[1]} local_port=0 proto=FWM`
    else if (service) {
      const [, proto, at, port] = service as unknown as string[]
      local = `local_address=${address(at as string)} local_port=${Number.parseInt(port as string, 16)} proto=${proto}`
    } else if (target) {
      const [, at, port, weight] = target as unknown as string[]
      const remote = `remote_address=${address(at as string)} remote_port=${Number.parseInt(port as string, 16)}`
      found[`${local} ${remote}`] = weight as string
    }
  }
  return found
}

describe('on this kernel', () => {
  it('the labels of node_exporter are those of /proc/net/ip_vs', async ({ skip }) => {
    const file = '/proc/net/ip_vs'
    if (!existsSync(file)) return skip(`no ${file} on ${harness.dialect}`)
    await harness.reset()
    const ipvs = await harness.open()
    await fillTable(ipvs)
    const text = await metrics.collect(ipvs, { ...PATIENT, compat: 'node_exporter' })
    const inProc = weightsInProc(readFileSync(file, 'utf8'))
    await harness.reset()
    await ipvs.close()
    expect(Object.keys(inProc).length).toBeGreaterThanOrEqual(5)
    expect(valuesOf(text, 'node_ipvs_backend_weight')).toEqual(inProc)
    keep('collect', text)
  })

  it('an empty table and a full one can be scraped', async () => {
    await harness.reset()
    const ipvs = await library.Ipvs.open(PATIENT)
    keep('empty', await metrics.collect(ipvs, { ...PATIENT, compat: 'node_exporter' }))
    await fillTable(ipvs)
    keep(
      'full',
      await metrics.collect(ipvs, { ...PATIENT, compat: 'node_exporter', name: () => 'the "web"\n\\' }),
    )
    await harness.reset()
    await ipvs.close()
  })
})

describe('ipvs-fullnat exporter', () => {
  let child: ChildProcess | undefined
  afterEach(() => {
    child?.kill('SIGKILL')
  })

  it('serves this kernel, and ends when it is told to', async () => {
    await harness.reset()
    const ipvs = await harness.open()
    await fillTable(ipvs)
    const script = join(project, 'dist/cli/bin.js')
    const options = ['exporter', '--port', '0', '--compat', 'node_exporter']
    child = spawn(process.execPath, [script, ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
    const first = (await lines.next()).value as string
    const url = /^serving (\S+) at (http:\/\/127\.0\.0\.1:\d+)\/metrics$/.exec(first)
    expect({ first, dialect: url?.[1] }).toEqual({ first, dialect: harness.dialect })
    const answer = await fetch(`${url?.[2]}/metrics`, {
      headers: { 'x-prometheus-scrape-timeout-seconds': '300' },
    })
    const text = await answer.text()
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, metrics.contentType])
    const weights = valuesOf(text, 'node_ipvs_backend_weight')
    expect(Object.values(weights)).toContain('10')
    expect(valuesOf(text, 'ipvs_up')).toEqual({ '': '1' })
    expect(parseExposition(text).size).toBeGreaterThan(30)
    keep('exporter', text)
    const health = await fetch(`${url?.[2]}/healthz`)
    expect([health.status, await health.text()]).toEqual([200, 'ok\n'])
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect((await lines.next()).value).toBe('SIGTERM: goodbye')
    expect(await ended).toEqual([0, null])
    await harness.reset()
    await ipvs.close()
  })
})
