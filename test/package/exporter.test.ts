// `ipvs-fullnat exporter` as a program, scraped by Debian's Prometheus where that can be had.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Ipvs } from '../../lib'
import { type FakeDialect, FakeKernel } from '../../lib/testing'
// @ts-expect-error: a script without types
import { findPrometheus } from '../../scripts/prometheus.mjs'
import { parseExposition, valuesOf } from '../unit/metrics/exposition-parser'
import { until } from '../vm/net/until'
import { root } from './project'

const { folder, missing } = (await findPrometheus()) as { folder?: string; missing?: string }
const named = missing ? ` (skipped: ${missing})` : ''

const children: ChildProcess[] = []
const folders: string[] = []

beforeAll(() => {
  if (!existsSync(join(root, 'dist/metrics/index.mjs'))) throw new Error('dist is missing: npm run build')
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  for (const one of folders.splice(0)) rmSync(one, { recursive: true, force: true })
})

const program = 'dist/cli/bin.js'

/** A kernel with traffic in a file. */
async function fakeFile(dialect: FakeDialect): Promise<string> {
  const kernel = new FakeKernel({ dialect, cpus: 2 })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const forwarding = ipvs.capabilities.fullnat ? 'fullnat' : 'masquerade'
  const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
  await ipvs.services.add({ ...web, scheduler: 'rr' })
  for (const address of ['10.9.0.5', '10.9.0.6']) {
    await ipvs.destinations.add(web, { address, port: 8080, forwarding })
  }
  const mark = { fwmark: 7, family: 'ipv6' } as const
  await ipvs.services.add({ ...mark, scheduler: 'rr' })
  await ipvs.destinations.add(mark, { address: '2001:db8::5', port: 8080, forwarding })
  if (ipvs.capabilities.localAddresses) await ipvs.localAddresses.set(web, ['10.1.0.1', '10.1.0.2'])
  for (let port = 40000; port < 40006; port++) {
    const { connection } = kernel.attempt({ client: `198.51.100.7:${port}`, service: web })
    connection?.traffic({ inPackets: 5, inBytes: 300, outPackets: 4, outBytes: 2600 })
  }
  // Mainline shows traffic when its estimator has come by.
  kernel.advance(2)
  await ipvs.close()
  const work = mkdtempSync(join(tmpdir(), 'ipvs-exporter-'))
  folders.push(work)
  writeFileSync(join(work, 'kernel.json'), JSON.stringify(kernel.dump()))
  return join(work, 'kernel.json')
}

function start(command: string, args: readonly string[], cwd = root): ChildProcess {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  return child
}

interface Exporter {
  readonly child: ChildProcess
  readonly url: string
  readonly said: AsyncIterator<string>
}

async function exporter(...args: readonly string[]): Promise<Exporter> {
  const child = start(process.execPath, [program, 'exporter', '--port', '0', ...args])
  const said = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  const line = (await said.next()).value as string
  const [, url] = / at (http:\/\/\S+)\/metrics$/.exec(line) ?? []
  if (!url || !line.includes('NOT A REAL KERNEL')) throw new Error(`it said: ${line}`)
  return { child, url, said }
}

const DIALECTS = ['mainline', 'fullnat-v2', 'fullnat-v3'] as const

describe.each(DIALECTS)('as a program, with a fake kernel as %s', (dialect) => {
  it('serves, and ends cleanly', async () => {
    const { child, url, said } = await exporter(
      '--fake',
      await fakeFile(dialect),
      '--compat',
      'node_exporter',
    )
    const text = await (await fetch(`${url}/metrics`)).text()
    expect(valuesOf(text, 'ipvs_connections_total')).toEqual({ '': '6' })
    expect(valuesOf(text, 'ipvs_destination_incoming_bytes_total')).toMatchObject({
      'protocol=tcp address=192.0.2.1 port=80 family=ipv4 destination_address=10.9.0.5 destination_port=8080':
        expect.stringMatching(/^[1-9]\d*00$/),
    })
    expect(parseExposition(text).has('ipvs_local_address_connections')).toBe(dialect !== 'mainline')
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    expect((await said.next()).value).toBe('SIGINT: goodbye')
    expect(await ended).toEqual([0, null])
  })

  it.skipIf(missing)(`promtool finds nothing wrong with it${named}`, async () => {
    const { url } = await exporter('--fake', await fakeFile(dialect), '--compat', 'node_exporter')
    const input = await (await fetch(`${url}/metrics`)).text()
    const options = { input, encoding: 'utf8' } as const
    const promtool = join(folder as string, 'promtool')
    const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], options)
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
    // It does find what is wrong: a counter's name ends in _total.
    const wrong = `${input}# HELP ipvs_calls Calls.\n# TYPE ipvs_calls counter\nipvs_calls 1\n`
    expect(spawnSync(promtool, ['check', 'metrics'], { ...options, input: wrong }).status).not.toBe(0)
  })
})

it.each([
  [['--compat', 'statsd'], /--compat statsd: must be one of node_exporter/],
  [['--fake-dialect', 'mainline'], /--fake-dialect goes with --fake FILE/],
  [['--port', '80x'], /--port 80x/],
  [['--prot', '80'], /--prot/],
])('says what is wrong with %j', async (args, said) => {
  const child = start(process.execPath, [program, 'exporter', ...args])
  let errors = ''
  child.stderr?.on('data', (piece) => {
    errors += piece
  })
  const [status] = await once(child, 'close')
  expect(status).toBe(2)
  expect(errors).toMatch(said)
  expect(errors).not.toContain('    at ')
})

it.skipIf(missing)(`a real Prometheus scrapes it${named}`, async () => {
  const { url } = await exporter('--fake', await fakeFile('fullnat-v3'), '--compat', 'node_exporter')
  const work = mkdtempSync(join(tmpdir(), 'ipvs-prometheus-'))
  folders.push(work)
  writeFileSync(
    join(work, 'prometheus.yml'),
    `scrape_configs:
  - job_name: ipvs
    scrape_interval: 1s
    static_configs: [{ targets: ['${new URL(url).host}'] }]
`,
  )
  const prometheus = start(
    join(folder as string, 'prometheus'),
    ['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--web.listen-address=127.0.0.1:0'],
    work,
  )
  // It says on which port it listens, and then everything that goes on.
  let port: string | undefined
  for await (const line of createInterface({ input: prometheus.stderr as NodeJS.ReadableStream })) {
    port = /Listening on" address=127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port) break
  }
  prometheus.stderr?.resume()
  const query = async (text: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(text)}`)
    // It is not ready yet.
    if (!answer.ok) return []
    const { data } = (await answer.json()) as {
      data?: { result?: { metric: Record<string, string>; value: [number, string] }[] }
    }
    return data?.result ?? []
  }
  await until(
    'Prometheus has scraped it',
    () => query('ipvs_up'),
    (found) => found.length > 0,
  )
  expect(await query('up{job="ipvs"}')).toMatchObject([{ value: [expect.anything(), '1'] }])
  expect(await query('node_ipvs_connections_total')).toMatchObject([{ value: [expect.anything(), '6'] }])
  const weights = await query('ipvs_destination_weight{fwmark="7"}')
  expect(weights).toMatchObject([
    { metric: { family: 'ipv6', destination_address: '2001:db8::5', destination_port: '8080' } },
  ])
  expect(await query('count({__name__=~"ipvs_ext_.*"})')).toMatchObject([
    { value: [expect.anything(), expect.stringMatching(/^\d{2,}$/)] },
  ])
})
