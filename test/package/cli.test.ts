// The program as it is installed: on this Node and on the oldest one, in pipes, interrupted.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Ipvs } from '../../lib'
import { FakeKernel } from '../../lib/testing'
// @ts-expect-error: a script without types
import { nodeBinary, oldestNode } from '../../scripts/vm/nodes.mjs'
import { Consumer } from './consumer'
import { root } from './project'

/** They find what hangs. */
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

let consumer: Consumer
let oldNode: string
const folder = mkdtempSync(join(tmpdir(), 'ipvs-cli-'))
const bin = join(root, 'dist/cli/bin.js')

beforeAll(async () => {
  if (!existsSync(bin)) throw new Error('dist is missing: npm run build')
  oldNode = await nodeBinary(oldestNode)
  consumer = new Consumer()
})
afterAll(() => {
  consumer?.remove()
  rmSync(folder, { recursive: true, force: true })
})

let files = 0
const freshFile = (name = 'kernel.json') => join(folder, `${++files}-${name}`)

function run(node: string, argv: readonly string[], input = '') {
  const program = join(consumer.package, 'dist/cli/bin.js')
  const { status, stdout, stderr } = spawnSync(node, [program, ...argv], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return { status, stdout, stderr }
}

describe.each(['this Node', 'the oldest Node'])('on %s', (which) => {
  const node = () => (which === 'this Node' ? process.execPath : oldNode)

  it('the table is made, saved and loaded', () => {
    const fake = ['--fake', freshFile()]
    const typed = [
      '-A -t 192.0.2.1:80 -s wrr',
      '-P -t 192.0.2.1:80 -z 10.1.0.1',
      '-a -t 192.0.2.1:80 -r 10.9.0.5:8080 -b -w 100',
    ]
    for (const line of typed) expect(run(node(), [...fake, ...line.split(' ')])).toMatchObject({ status: 0 })
    const saved = run(node(), [...fake, '-S', '-n'])
    const other = ['--fake', freshFile()]
    expect(run(node(), [...other, '-R'], saved.stdout)).toMatchObject({ status: 0 })
    expect(run(node(), [...other, '-L', '-n']).stdout).toContain(
      '  -> 10.9.0.5:8080                FullNat 100 ',
    )
    for (const argv of [
      ['-l', '-n', '-c'],
      ['connections'],
      ['stats'],
      ['sysctl'],
      ['-G'],
      ['-L', '--json'],
    ]) {
      expect([argv, run(node(), [...other, ...argv]).status]).toEqual([argv, 0])
    }
    expect(run(node(), [...other, '-A', '-t', '192.0.2.1:80'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/EEXIST: .*\n {2}Change it with -E/),
    })
    expect(run(node(), [...other, '-A'])).toMatchObject({ status: 2, stdout: '' })
  })

  it('a desired state is planned and applied, imported and converted', () => {
    const fake = ['--fake', freshFile(), '--fake-dialect', 'mainline']
    const state = JSON.stringify({ services: [{ fwmark: 7, scheduler: 'rr', destinations: [] }] })
    expect(run(node(), [...fake, 'plan', '-'], state).status).toBe(2)
    expect(run(node(), [...fake, 'apply', '-', '--yes'], state).status).toBe(0)
    expect(run(node(), [...fake, 'plan', '-'], state).status).toBe(0)
    expect(run(node(), ['convert', '--to', 'ipvsadm:mainline'], state).stdout).toBe('-A -f 7 -s rr\n')
    const conf = freshFile('keepalived.conf')
    writeFileSync(
      conf,
      'virtual_server fwmark 7 {\n    lb_algo rr\n    lb_kind DR\n    protocol TCP\n    real_server 10.0.0.1 80 {\n    }\n}\n',
    )
    const imported = run(node(), ['import', 'keepalived', conf, '--dialect', 'mainline'])
    expect(imported.status).toBe(0)
    expect(JSON.parse(imported.stdout).services).toMatchObject([{ fwmark: 7 }])
  })

  it('YAML without its package says what to do', () => {
    const file = freshFile('state.yaml')
    writeFileSync(file, 'services: []\n')
    const { status, stderr } = run(node(), ['--fake', freshFile(), 'plan', file])
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/package yaml is not installed\n {2}npm install yaml/),
    ])
  })

  it('top prints, and says what is wrong', () => {
    const { status, stdout } = run(node(), [
      'top',
      '--demo',
      'fullnat-v3',
      '--count',
      '1',
      '--interval',
      '0.02',
    ])
    expect([status, stdout]).toEqual([0, expect.stringContaining('NOT A REAL KERNEL')])
    expect(run(node(), ['top', '--sort', 'size'])).toMatchObject({ status: 2, stdout: '' })
    expect(run(node(), ['--version'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^ipvs-fullnat \d/),
    })
  })
})

it('is an executable of the package', () => {
  const { bin: bins, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(bins).toEqual({ 'ipvs-fullnat': 'dist/cli/bin.js' })
  expect(statSync(bin).mode & 0o111).toBe(0o111)
  expect(readFileSync(bin, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  const { status, stdout } = spawnSync(bin, ['--version'], { encoding: 'utf8' })
  expect([status, stdout]).toEqual([0, `ipvs-fullnat ${version}\n`])
})

describe('in a pipe', () => {
  async function crowded(): Promise<string> {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
    await ipvs.services.add(web)
    await ipvs.destinations.add(web, { address: '10.9.0.5', port: 80, forwarding: 'masquerade' })
    for (let i = 0; i < 5000; i++)
      kernel.connect({ client: `198.51.100.${i % 250}:${1000 + i}`, service: web })
    await ipvs.close()
    const file = freshFile()
    writeFileSync(file, JSON.stringify(kernel.dump()))
    return file
  }

  it('a reader that has seen enough ends it quietly', async () => {
    const file = await crowded()
    for (const line of ['connections', '-l -n -c', 'connections --json']) {
      const shell = `'${process.execPath}' '${bin}' --fake '${file}' ${line} | head -1; echo "status \${PIPESTATUS[0]}"`
      const { stdout, stderr } = spawnSync('bash', ['-c', shell], { encoding: 'utf8' })
      expect(stderr).toBe(`FakeKernel in ${file}, NOT A REAL KERNEL (mainline)\n`)
      expect(stdout.split('\n').slice(1)).toEqual(['status 0', ''])
    }
  })

  it('what only reads is whole, and has no colour', async () => {
    const file = await crowded()
    const { status, stdout } = run(process.execPath, ['--fake', file, 'connections', '--json'])
    expect([status, JSON.parse(stdout).length]).toEqual([0, 5000])
    expect(stdout).not.toContain('\u001b')
  })
})

it('SIGINT ends a command that waits for its input', async () => {
  const child = spawn(process.execPath, [bin, '--fake', freshFile(), '-R'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (piece) => {
    errors += piece
  })
  // It says what it works on before it reads.
  await once(child.stderr, 'data')
  child.stdin.write('-A -f 7 -s rr\n')
  const ended = once(child, 'close')
  child.kill('SIGINT')
  expect(await ended).toEqual([130, null])
  expect(errors).toMatch(/\nipvs-fullnat: interrupted\.\n$/)
})

it('SIGINT ends what runs for ever', async () => {
  const child = spawn(process.execPath, [bin, '--fake', freshFile(), 'exporter', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout, 'data')
  const ended = once(child, 'close')
  child.kill('SIGINT')
  expect(await ended).toEqual([0, null])
})
