// The commands beyond ipvsadm, on fake kernels and on texts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { carryOut } from '../../../lib/cli/carry-out'
import type { Invocation } from '../../../lib/cli/command'
import type { CliError } from '../../../lib/cli/errors'
import { GivenOptions } from '../../../lib/cli/options'
import { Output } from '../../../lib/cli/output'
import { Ipvs } from '../../../lib/client/ipvs'
import { plan } from '../../../lib/reconcile'
import { cli, Director, FakeKernel, freshFile, Sink, words } from './support'

const write = (text: string, ending = 'json'): string => {
  const file = freshFile(ending)
  writeFileSync(file, text)
  return file
}

/** Its reader has gone. */
class Closed extends Sink {
  override write(piece: string): boolean {
    this.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    return super.write(piece)
  }
}

/** The disk is full, of which a file tells later. */
class Full extends Sink {
  override write(): boolean {
    const error = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    })
    process.nextTick(() => this.emit('error', error))
    return true
  }
}

it.each(['-S', '-L -n', '-G', 'save', 'stats', '--help', '--version'])(
  '%s fails where its output cannot be written, and says so once',
  async (line) => {
    const director = new Director('fullnat-v2')
    await director.works('-A -f 7 -s rr')
    const { code, err } = await director.type(line, { stdout: new Full() })
    expect(code).toBe(1)
    expect(err).toBe('ipvs-fullnat: ENOSPC: no space left on device, write\n')
  },
)

it('names the file that cannot be read', async () => {
  const folder = dirname(freshFile())
  const director = new Director('fullnat-v2')
  for (const line of [`plan ${folder}`, `restore ${folder} --merge`, `doctor --state ${folder}`]) {
    const { code, err } = await director.type(line)
    expect([code, err]).toEqual([
      1,
      expect.stringContaining(`EISDIR: illegal operation on a directory, read '${folder}'`),
    ])
  }
  expect((await cli(['--fake', folder, '-L'])).err).toContain(`'${folder}'`)
})

const STATE = {
  pools: { web: { addresses: ['10.1.0.1-10.1.0.2'] } },
  services: [
    {
      ...{ protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'wrr' },
      localAddresses: { pool: 'web' },
      destinations: [{ address: '10.9.0.5', port: 8080, forwarding: 'fullnat', weight: 10 }],
    },
  ],
}
const YAML = `# the same
pools: { web: { addresses: [10.1.0.1-10.1.0.2] } }
services:
  - protocol: tcp
    address: 192.0.2.1
    port: 80
    scheduler: wrr
    localAddresses: { pool: web }
    destinations:
      - { address: 10.9.0.5, port: 8080, forwarding: fullnat, weight: 10 }
`

describe('plan and apply', () => {
  it('have the exit codes of terraform', async () => {
    const director = new Director('fullnat-v2')
    const file = write(JSON.stringify(STATE))
    const planned = await director.type(['plan', file])
    expect(planned).toMatchObject({ code: 2, err: '' })
    expect(planned.out).toMatch(/^\+ add service tcp 192\.0\.2\.1:80.*\n(\+ .*\n){3}4 to add/)
    expect(await director.works('-S')).toBe('')
    const refused = await director.type(['apply', file])
    expect(refused).toMatchObject({ code: 2, err: 'Nothing was changed: --yes does it.\n' })
    expect(await director.works('-S')).toBe('')
    expect(await director.type(['apply', file, '--yes'])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/4 done, 0 already so\n$/),
    })
    expect(await director.works(['plan', file])).toBe('0 to add, 0 to change, 0 to remove, 4 unchanged\n')
    expect(await director.works(['apply', file])).toContain('4 unchanged')
  })

  it('do what was begun, whoever has stopped to read', async () => {
    const director = new Director('fullnat-v2')
    const argv = ['apply', write(JSON.stringify(STATE)), '--yes']
    expect(await director.type(argv, { stdout: new Closed() })).toMatchObject({ code: 0, err: '' })
    expect(await director.works('-S')).toContain('-z 10.1.0.2')
  })

  it('take YAML, and standard input', async () => {
    const director = new Director('fullnat-v2')
    expect(await director.type(['apply', write(YAML, 'yaml'), '--yes'])).toMatchObject({ code: 0, err: '' })
    expect(await director.works(['plan', '-'], { input: YAML })).toContain('4 unchanged')
    expect(await director.works(['plan', '-'], { input: JSON.stringify(STATE) })).toContain('4 unchanged')
  })

  it('as JSON', async () => {
    const director = new Director('fullnat-v3')
    const file = write(JSON.stringify(STATE))
    const plan = JSON.parse((await director.type(['plan', file, '--json'])).out)
    expect(plan).toMatchObject({ version: 1, dialect: 'fullnat-v3', steps: { length: 4 } })
    const { code, out } = await director.type(['apply', file, '--json', '--yes'])
    expect([code, JSON.parse(out)]).toMatchObject([0, { plan, applied: { complete: true } }])
  })

  it('ask on a terminal', async () => {
    const file = write(JSON.stringify(STATE))
    for (const [answer, code] of [
      ['yes\n', 0],
      ['no\n', 2],
      ['', 2],
    ] as const) {
      const director = new Director('fullnat-v2')
      const { Readable } = await import('node:stream')
      const stdin = Object.assign(Readable.from([Buffer.from(answer)]), { isTTY: true })
      const result = await director.type(['apply', file], { stdin })
      expect(result.code).toBe(code)
      expect(result.err).toContain('Do it? Only yes does: ')
      expect((await director.works('-S')) !== '').toBe(code === 0)
    }
  })

  it('ask nobody where the state came from the terminal', async () => {
    const director = new Director('fullnat-v2')
    const { Readable } = await import('node:stream')
    const stdin = Object.assign(Readable.from([Buffer.from(JSON.stringify(STATE))]), { isTTY: true })
    const { code, err } = await director.type(['apply', '-'], { stdin })
    expect([code, err]).toEqual([2, 'Nothing was changed: --yes does it.\n'])
    expect(await director.works('-S')).toBe('')
  })

  it('what this kernel cannot is told, and what fails makes 1', async () => {
    const director = new Director('mainline')
    const file = write(JSON.stringify(STATE))
    const { code, out, err } = await director.type(['apply', file, '--yes'])
    expect(out).toMatch(/^! report .*\[unsupported\]/m)
    expect([code, err]).toEqual([0, ''])
    const bad = { services: [{ fwmark: 1, scheduler: 'none-such', destinations: [] }] }
    const failed = await director.type(['apply', write(JSON.stringify(bad)), '--yes'])
    expect(failed.code).toBe(1)
    expect(failed.err).toMatch(/^failed: add service fwmark 1: ENOENT: .*/)
    expect(failed.err).toContain('the director is not what it should be')
  })

  it.each([
    ['{', 'json', /:1:2: .*\n {2}1 \| \{\n/],
    ['{"services": [}', 'json', /:1:15: |is no JSON: Unexpected token/],
    ['[]', 'json', /must be an object/],
    ['services: [', 'yaml', /is no YAML/],
    ['just words', 'yaml', /must be an object/],
    [
      '{"services": [{"fwmark": 0}, {"port": 99999999}]}',
      'json',
      /the desired state cannot be:\n {2}\S*services\[0\].*\n {2}\S*services\[1\]/,
    ],
    ['{"servces": []}', 'json', /servces/],
    [Buffer.from([0xff, 0xfe]).toString('latin1'), 'json', /is no JSON|YAML|object/],
  ])('%j is no state: 1, and nothing is opened', async (text, ending, said) => {
    const file = write(text, ending)
    // Without a kernel: what is wrong with the file comes first.
    const { code, out, err } = await cli(['plan', file, '--netns', '/no/such/namespace'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(said)
    expect(err).not.toContain('    at ')
  })

  it('a file that is not there', async () => {
    expect(await new Director('mainline').type('plan /no/such/file')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^ipvs-fullnat: ENOENT: /),
    })
  })

  it('manage a part, and brake', async () => {
    const director = new Director('mainline')
    for (const i of [1, 2, 3]) await director.works(`-A -t 192.0.2.${i}:80 -s rr`)
    const none = write('{"services": []}')
    const steps = async (...more: string[]) => (await director.type(['plan', none, ...more])).out
    expect(await steps()).toContain('3 to remove')
    expect(await steps('--addresses', '192.0.2.0/31')).toContain('1 to remove')
    expect(await steps('--ports=80')).toContain('3 to remove')
    expect(await steps('--fwmarks', '7')).toContain('0 to remove')
    expect(await steps('--max-removals', '2')).toContain('0 to remove')
    expect(await steps('--max-removals', '50%')).toContain('0 to remove')
    expect(await steps('--max-removals', '3')).toContain('3 to remove')
    expect(await steps('--allow', 'add,edit')).toContain('0 to remove')
    for (const wrong of [
      '--max-removals=x',
      '--allow=drop',
      '--ports=http',
      '--drain-while=never',
      '--ports=',
    ]) {
      const { code, err } = await director.type(['plan', none, wrong])
      expect(code).toBe(1)
      expect(err).toContain(wrong.split('=')[0])
    }
  })

  it('what the brake holds back is to be done, and was not done', async () => {
    const director = new Director('mainline')
    for (const i of [1, 2, 3]) await director.works(`-A -t 192.0.2.${i}:80 -s rr`)
    const state = write('{"services": [{"protocol": "tcp", "address": "192.0.2.9", "port": 80}]}')
    for (const command of ['plan', 'apply', 'apply --yes']) {
      const braked = await director.type([...words(command), state, '--max-removals', '2'])
      expect(braked).toMatchObject({ code: 2, out: expect.stringContaining('[too-many-removals]') })
    }
    // What could be done is, and the rest still holds.
    expect(await director.works('-S')).toContain('192.0.2.9:80')
    const again = ['apply', state, '--yes', '--max-removals', '2']
    expect(await director.type(again)).toMatchObject({ code: 2, err: '' })
    const json = await director.type([...again, '--json'])
    expect([json.code, JSON.parse(json.out)]).toMatchObject([2, { plan: { steps: { length: 3 } } }])
    expect((await director.type(['plan', state, '--max-removals', '2'])).code).toBe(2)
    // Somebody said that it should not be done.
    expect((await director.type(['plan', state, '--allow', 'add,edit'])).code).toBe(0)
    expect((await director.type(['apply', state, '--yes'])).code).toBe(0)
  })

  it.each([false, true])('an interrupt half way is 130, and tells what is done (JSON: %s)', async (json) => {
    const kernel = new FakeKernel({ dialect: 'mainline' })
    const ipvs = await Ipvs.open({ transport: kernel.transport() })
    const services = Array.from({ length: 3000 }, (_, i) => ({ fwmark: i + 1 }))
    const todo = await plan(ipvs, { services })
    const controller = new AbortController()
    let writes = 0
    const interrupt = ({ operation }: { operation: string }): boolean => {
      if (operation === 'services.add' && ++writes === 500) controller.abort()
      return false
    }
    kernel.fail(interrupt, 'EIO', { times: Number.POSITIVE_INFINITY })
    const options = new GivenOptions()
    options.add('yes', '', { help: '' })
    const [stdout, told] = [new Sink(), [] as string[]]
    const given = { options, json, call: { signal: controller.signal }, operands: ['state.json'] }
    const invocation = {
      ...given,
      out: new Output(stdout),
      director: async () => ipvs,
      tell: async (line: string) => void told.push(line),
      io: { stdin: {} },
    } as unknown as Invocation
    const code = await carryOut(todo, invocation).catch((error: CliError) => error.exit)
    expect(code).toBe(130)
    const there = (await ipvs.services.list()).length
    expect(there).toBeGreaterThanOrEqual(500)
    expect(there).toBeLessThan(3000)
    const left = 3000 - there
    if (json) {
      expect(JSON.parse(stdout.text)).toMatchObject({ applied: { counts: { done: there, skipped: left } } })
    } else {
      expect(stdout.text).toBe(`${there} done, 0 already so, ${left} skipped\n`)
      expect(told).toHaveLength(left)
    }
  })

  it('colours are for a terminal, and for those who want them', async () => {
    const file = write(JSON.stringify(STATE))
    const colored = '\u001b['
    const printed = async (stdout: Sink, env = {}, ...more: string[]) =>
      (await new Director('fullnat-v2').type(['plan', file, ...more], { stdout, env })).out
    expect(await printed(new Sink(true, 80))).toContain(colored)
    expect(await printed(new Sink())).not.toContain(colored)
    expect(await printed(new Sink(true, 80), { NO_COLOR: '1' })).not.toContain(colored)
    expect(await printed(new Sink(true, 80), { TERM: 'dumb' })).not.toContain(colored)
    expect(await printed(new Sink(true, 80), {}, '--no-color')).not.toContain(colored)
  })
})

const CONF = `virtual_server 192.0.2.1 80 {
    lb_algo wrr
    lb_kind FNAT
    protocol TCP
    laddr_group_name web
    real_server 10.9.0.5 8080 {
        weight 10
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
`

describe('import keepalived', () => {
  it('prints a state that plan takes, and tells what is not in it', async () => {
    const file = freshFile('conf')
    mkdirSync(join(dirname(file), 'conf.d'), { recursive: true })
    writeFileSync(
      join(dirname(file), 'conf.d/laddr.conf'),
      'local_address_group web {\n    10.1.0.1\n    10.1.0.2\n}\n',
    )
    writeFileSync(join(dirname(file), 'conf.d/.hidden.conf'), 'virtual_server\n')
    writeFileSync(file, `include conf.d/*.conf\n${CONF}`)
    const { code, out, err } = await cli(['import', 'keepalived', file, '--dialect', 'alibaba'])
    expect([code, err]).toEqual([0, 'not in the state: 1 health checks\n'])
    expect(JSON.parse(out)).toMatchObject({
      pools: { web: { addresses: ['10.1.0.1', '10.1.0.2'] } },
      services: [{ address: '192.0.2.1', destinations: [{ address: '10.9.0.5', weight: 10 }] }],
    })
    const director = new Director('fullnat-v2')
    expect(await director.type(['apply', '-', '--yes'], { input: out })).toMatchObject({ code: 0, err: '' })
    expect(await director.works('-S')).toContain('-P -t 192.0.2.1:80 -z 10.1.0.2\n')
  })

  it('half a state is none, unless it is asked for', async () => {
    const file = write(`${CONF}virtual_server 192.0.2.2 80 {\n    lb_algo rr\n}\n`, 'conf')
    const argv = ['import', 'keepalived', file, '--dialect=alibaba']
    const { code, out, err } = await cli(argv)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/^error: .*conf:\d+:\d+: [\s\S]*\n {2}\d+ \| /)
    expect(err).toContain('nothing is printed: there ')
    const kept = await cli([...argv, '--keep-going'])
    expect([kept.code, JSON.parse(kept.out).services.length]).toEqual([2, 1])
  })

  it('wants to know whose it is', async () => {
    expect(await cli(['import', 'keepalived', write(CONF, 'conf')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/name whose keepalived this is for: --dialect mainline, alibaba, dpvs/),
    })
    expect(await cli(['import', 'haproxy', 'x', '--dialect', 'mainline'])).toMatchObject({ code: 2 })
    expect(await cli(['import', 'keepalived', 'x', '--dialect', 'mainline', '--fake', 'f'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--fake does not go with import'),
    })
  })
})

const RULES = `-A -t 192.0.2.1:80 -s wrr
-P -t 192.0.2.1:80 -z 10.1.0.1
-a -t 192.0.2.1:80 -r 10.9.0.5:8080 -b -w 10
`

describe('convert', () => {
  it('between all forms, and back', async () => {
    const json = await cli(['convert', '--to', 'json'], { input: `${RULES}` })
    expect(json).toMatchObject({ code: 2, err: expect.stringMatching(/can be of alibaba-v2, alibaba-v3/) })
    const state = await cli(['convert', '--from', 'ipvsadm:alibaba-v2', '--to', 'json'], { input: RULES })
    expect([state.code, state.err]).toEqual([0, ''])
    for (const form of ['ipvsadm:alibaba-v3', 'keepalived:alibaba']) {
      const there = await cli(['convert', '--to', form], { input: state.out })
      expect([form, there.code, there.err]).toEqual([form, 0, ''])
      const back = await cli(['convert', '--from', form, '--to', 'ipvsadm:alibaba-v2'], { input: there.out })
      expect([form, back.code]).toEqual([form, 0])
      expect(back.out.replace(' -j disable', '')).toBe(RULES)
    }
    const yaml = await cli(['convert', write(YAML, 'yaml'), '--to', 'ipvsadm:dpvs', '--interface', 'dpdk0'])
    expect(yaml).toMatchObject({ code: 0, err: '', out: expect.stringContaining('-z 10.1.0.2 -F dpdk0\n') })
    expect(
      await cli(['convert', '--from', 'ipvsadm', '--to', 'json'], {
        input: '-A -t 192.0.2.1:80 -s rr -j enable -V 9\n',
      }),
    ).toMatchObject({ code: 0, err: 'standard input: rules of alibaba-v3\n' })
  })

  it('tells what is lost, and with --lossless does without', async () => {
    const argv = ['convert', '--from', 'ipvsadm:alibaba-v2', '--to', 'ipvsadm:mainline']
    const { code, out, err } = await cli(argv, { input: RULES })
    expect([code, out]).toEqual([0, '-A -t 192.0.2.1:80 -s wrr\n'])
    expect(err.split('\n')).toEqual([
      'lost: tcp 192.0.2.1:80 via 10.1.0.1: mainline has no local addresses',
      'lost: tcp 192.0.2.1:80 -> 10.9.0.5:8080: mainline has no option for forwarding fullnat',
      '',
    ])
    expect(await cli([...argv, '--lossless'], { input: RULES })).toMatchObject({ code: 1, out: '' })
  })

  it('says what is wrong', async () => {
    expect(await cli(['convert'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('convert needs --to'),
    })
    expect(await cli(['convert', '--to', 'yaml'])).toMatchObject({ code: 2 })
    expect(
      await cli(['convert', '--to=json', '--from=ipvsadm:mainline'], { input: '-A\n-B\n' }),
    ).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/^error: standard input:1:1: [\s\S]*error: standard input:2:/),
    })
    const nulls = '-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 (null) -w 1\n'
    const argv = ['convert', '--to=json', '--from=ipvsadm:alibaba-v2']
    expect(await cli(argv, { input: nulls })).toMatchObject({ code: 2 })
    expect(await cli([...argv, '--null-means=fullnat'], { input: nulls })).toMatchObject({ code: 0 })
  })
})

describe('connections', () => {
  async function busy(dialect: 'mainline' | 'fullnat-v2'): Promise<Director> {
    const director = new Director(dialect)
    const method = dialect === 'mainline' ? '-m' : '-b'
    await director.works('-A -t 192.0.2.1:80 -s rr -p 60')
    if (dialect !== 'mainline') await director.works('-P -t 192.0.2.1:80 -z 10.1.0.1')
    for (const i of [5, 6]) await director.works(`-a -t 192.0.2.1:80 -r 10.9.0.${i}:8080 ${method}`)
    const kernel = new FakeKernel({ dialect })
    kernel.load(JSON.parse(readFileSync(director.file, 'utf8')))
    for (let i = 1; i <= 3; i++)
      kernel.connect({ client: `198.51.100.${i}:1000`, service: 'tcp 192.0.2.1:80' })
    writeFileSync(director.file, JSON.stringify(kernel.dump()))
    return director
  }

  it('are listed, filtered and counted', async () => {
    const director = await busy('fullnat-v2')
    const out = await director.works('connections --no-templates')
    expect(out.split('\n')[0]).toMatch(/^Prot +State +Expires Client +Virtual +Local address +Destination$/)
    expect(
      out.match(
        /^tcp +established +\d+s 198\.51\.100\.\d:1000 +192\.0\.2\.1:80 +10\.1\.0\.1:\d+ +10\.9\.0\.[56]:8080$/gm,
      ),
    ).toHaveLength(3)
    expect(await director.works('connections --templates')).toMatch(/ - +10\.9\.0\.[56]:8080 +template$/m)
    const json = async (...more: string[]) =>
      JSON.parse(await director.works(['connections', '--json', ...more]))
    expect(await json()).toHaveLength(6)
    expect(await json('--limit', '2')).toHaveLength(2)
    expect(await json('--client', '198.51.100.2:1000')).toHaveLength(1)
    expect(await json('--state', 'established,syn-recv')).toHaveLength(3)
    expect(await json('--service', 'tcp 192.0.2.9:80')).toEqual([])
    expect(await json('--count', '--no-templates')).toEqual({ count: 3 })
    expect(await director.works('connections --count --local-address 10.1.0.1')).toBe('3\n')
    expect(await director.works('connections --by state --no-templates')).toBe(
      'state        connections\nestablished            3\n',
    )
    expect(await json('--by', 'local-address')).toEqual([{ 'local-address': '10.1.0.1', connections: 3 }])
  })

  it('mainline has no column for local addresses', async () => {
    const director = await busy('mainline')
    expect(await director.works('connections')).not.toContain('Local address')
    expect(await director.type('connections --local-address 10.1.0.1')).toMatchObject({ code: 1 })
    expect(await director.type(['connections', '--service', 'web'])).toMatchObject({ code: 2 })
    expect(await director.type('connections --limit 0')).toMatchObject({ code: 2 })
    expect(await director.type('connections --client x')).toMatchObject({ code: 2 })
    expect(await director.type('connections --templates --no-templates')).toMatchObject({ code: 2 })
  })

  it('fit the terminal', async () => {
    const director = await busy('fullnat-v2')
    for (const columns of [20, 60, 80, 100, 200]) {
      const { out } = await director.type('connections', { stdout: new Sink(true, columns) })
      for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
      expect(out.includes('~')).toBe(columns < 80)
    }
  })

  it('stop where nobody reads any more', async () => {
    const director = await busy('mainline')
    expect(await director.type('connections', { stdout: new Closed() })).toMatchObject({ code: 0, err: '' })
  })
})

describe('stats and sysctl', () => {
  it('on each kernel', async () => {
    for (const dialect of ['mainline', 'fullnat-v2', 'fullnat-v3'] as const) {
      const director = new Director(dialect)
      const out = await director.works('stats')
      expect(out).toMatch(/^ +Connections +In packets/)
      expect(out.includes('extended counters are 0 (--all)')).toBe(dialect !== 'mainline')
      expect(JSON.parse(await director.works('stats --json'))).toMatchObject({ total: { connections: '0' } })
      const list = JSON.parse(await director.works('sysctl --json'))
      expect(list.length).toBeGreaterThan(10)
      expect(await director.works('sysctl list')).toContain('expire_nodest_conn')
    }
    expect(await new Director('fullnat-v2').works('stats --all')).toContain('fullnat_conn_reused')
  })

  it('get and set', async () => {
    const director = new Director('fullnat-v2')
    expect(await director.works('sysctl set timeout_finwait 7')).toBe('timeout_finwait = 7 (was 3)\n')
    expect(await director.works('sysctl get timeout_finwait sync_threshold')).toMatch(
      /^timeout_finwait = 7 seconds\n {2}[\s\S]*\nsync_threshold = 3 50 packets\n/,
    )
    expect(await director.works('sysctl set sync_threshold 4 60')).toBe('sync_threshold = 4 60 (was 3 50)\n')
    for (const [line, code, said] of [
      ['sysctl set timeout_finwait 0', 2, /range|>= 1/],
      ['sysctl set timeout_finwait soon', 2, /timeout_finwait|value/],
      ['sysctl set timeout_finwait', 2, /needs NAME and VALUE/],
      ['sysctl get', 2, /needs NAME/],
      ['sysctl get no_such', 1, /no_such/],
      ['sysctl get conn_reuse_mode', 1, /fullnat-v2 has no sysctl/],
      ['sysctl drop', 2, /must be list/],
    ] as const) {
      const result = await director.type(line)
      expect([line, result.code]).toEqual([line, code])
      expect(result.err).toMatch(said)
    }
  })

  it('tables fit the terminal, and are whole in a pipe', async () => {
    const director = new Director('fullnat-v3')
    const narrow = await director.type('sysctl', { stdout: new Sink(true, 100) })
    for (const line of narrow.out.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    expect(narrow.out).toContain('~')
    const piped = await director.works('sysctl')
    expect(piped).not.toContain('~')
    expect(piped.split('\n').some((line) => line.length > 100)).toBe(true)
  })
})

describe('the program', () => {
  it('has help for everything, and a version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(await cli(['--version'])).toEqual({ code: 0, out: `ipvs-fullnat ${version}\n`, err: '' })
    const { COMMANDS } = await import('../../../lib/cli/commands')
    const overall = (await cli(['--help'])).out
    for (const argv of [['-h'], ['-L', '--help']]) expect((await cli(argv)).out).toBe(overall)
    for (const { name, summary } of COMMANDS) {
      expect(overall).toContain(summary)
      const { code, out } = await cli([name, '--help'])
      expect([code, out.split('\n')[0]]).toEqual([0, expect.stringContaining(`usage: ipvs-fullnat ${name} `)])
      for (const line of (out + overall).split('\n')) expect(line.length).toBeLessThanOrEqual(110)
    }
  })

  it.each([
    [['plann', 'x'], /no command 'plann': did you mean plan\?/],
    [['frobnicate'], /no command 'frobnicate'\n {2}There are plan, apply/],
    [['connections', '--stat', 'x'], /connections has no option --stat: did you mean --state\?/],
    [['connections', '--limit'], /--limit needs a value: --limit N/],
    [['connections', '--count=1'], /--count takes no value/],
    [['connections', '--limit=1', '--limit=2'], /--limit is given twice/],
    [['connections', 'x'], /'x' is one word too much/],
    [['convert', '-x'], /convert has no option -x/],
    [['top', '--json'], /--json does not go with top/],
    [['stats', '--dialect', 'mainline'], /--dialect does not go with stats/],
    [['--fake-dialect', 'mainline', '-L'], /--fake-dialect goes with --fake FILE/],
    [['--fake', '/x', '--netns', 'y', '-L'], /--netns does not go with --fake/],
    [['--transport', 'x', '-L'], /--transport x: must be one of auto, netlink, sockopt/],
    [['--kernel-timeout', '-1', '-L'], /--kernel-timeout -1: must be seconds/],
    [['--fake'], /--fake needs a value: --fake FILE/],
  ])('%j is told', async (argv, said) => {
    const { code, out, err } = await cli(argv)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(said)
  })

  it('plan and apply say 1 where their command line is wrong, as 2 means changes', async () => {
    expect(await cli(['plan'])).toMatchObject({ code: 1, err: expect.stringContaining('plan needs FILE') })
    expect(await cli(['apply', 'x', '--ja'])).toMatchObject({ code: 1 })
  })

  it('without a kernel it says what to do', async () => {
    const { code, out, err } = await cli(['-L', '-n', '--netns', '/no/such/namespace'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^ipvs-fullnat: E.*\n {2}\S/)
  })
})
