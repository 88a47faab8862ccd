// watch: a Reconciler on a file that is written, broken, replaced and removed, beside others who change the same kernel.
import { EventEmitter } from 'node:events'
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { StateFile } from '../../../lib/cli/watch/state-file'
import { type CliResult, cli, Director, FakeKernel, freshFile, Sink } from './support'

/** Tells whoever waits for a text that it was written. */
class Listening extends Sink {
  override write(piece: string): boolean {
    super.write(piece)
    this.emit('written')
    return true
  }

  /** Resolves when what follows `from` matches; what is behind the match comes next. */
  private from = 0
  async saw(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.text.slice(this.from))
      if (found) {
        this.from += found.index + found[0].length
        return found[0]
      }
      await new Promise((resolve) => this.once('written', resolve))
    }
  }
}

const stateOf = (weight: number | string, method = 'fullnat') => ({
  services: [
    {
      ...{ protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'wrr', localAddresses: ['10.1.0.1'] },
      destinations: [{ address: '10.9.0.5', port: 8080, forwarding: method, weight }],
    },
  ],
})
const yamlOf = (weight: number | string) => `# by hand
services:
  - protocol: tcp
    address: 192.0.2.1
    port: 80
    scheduler: wrr
    localAddresses: [10.1.0.1]
    destinations:
      - { address: 10.9.0.5, port: 8080, forwarding: fullnat, weight: ${weight} }
`

class Watching {
  readonly out = new Listening()
  readonly err = new Listening()
  readonly signals = new EventEmitter()
  readonly ended: Promise<CliResult>

  constructor(director: Director, file: string, ...more: string[]) {
    const often = more.includes('--interval') ? [] : ['--interval', '0.05']
    const argv = ['watch', file, '--poll', '0.01', ...often, ...more]
    const { out: stdout, err: stderr, signals } = this
    this.ended = director.type(argv, { stdout, stderr, signals })
  }

  async stop(signal = 'SIGINT'): Promise<CliResult> {
    this.signals.emit(signal)
    return this.ended
  }
}

const write = (text: string, ending = 'json'): string => {
  const file = freshFile(ending)
  writeFileSync(file, text)
  return file
}

describe('watch', () => {
  it('makes the director what the file says, again when it changes, and stops at a signal', async () => {
    const director = new Director('fullnat-v2')
    const file = write(yamlOf(10), 'yaml')
    const watch = new Watching(director, file)
    await watch.out.saw(/watching .*: fullnat-v2 over netlink\n/)
    await watch.out.saw(/state 1 reached: 3 done, 0 already so\n( {2}\+ .*\n){3} {2}3 to add, /)
    writeFileSync(file, yamlOf(20))
    await watch.out.saw(/has changed: state 2\n/)
    await watch.out.saw(/state 2 reached: 1 done, .*\n {2}~ change destination .*: weight 10 -> 20\n/)
    const { code, out, err } = await watch.stop()
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/Z SIGINT: stopped, the director stays as it is\n$/)
    for (const line of out.split('\n').filter((one) => one !== '' && !one.startsWith('  '))) {
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /)
    }
    expect(await director.works('-S')).toContain('-w 20')
    expect(watch.signals.eventNames()).toEqual([])
    // The same state from the file of another format: the round trip of YAML.
    expect(await director.works('plan -', { input: JSON.stringify(stateOf(20)) })).toContain('0 to change')
  })

  it('keeps the last good state while the file is none, and says so', async () => {
    const director = new Director('fullnat-v2')
    const file = write(JSON.stringify(stateOf(1)))
    const watch = new Watching(director, file)
    await watch.out.saw(/state 1 reached/)
    writeFileSync(file, '{"services": [')
    await watch.err.saw(
      /is no state now, state 1 stays:\n {2}error: .*:1:15: [\s\S]*\n {2} {2}1 \| \{"services": \[\n/,
    )
    writeFileSync(file, JSON.stringify(stateOf('x')))
    await watch.err.saw(
      /state 1 stays:\n {2}the desired state cannot be:\n {4}services\[0\]\.destinations\[0\]\.weight/,
    )
    unlinkSync(file)
    await watch.err.saw(/state 1 stays:\n {2}ENOENT: /)
    await director.works('-e -t 192.0.2.1:80 -r 10.9.0.5:8080 -b -w 9')
    await watch.out.saw(/drift: .* not state 1 any more\n {2}~ change destination .*: weight 9 -> 1\n/)
    writeFileSync(file, JSON.stringify(stateOf(1)))
    await watch.out.saw(/has changed: state 2\n/)
    await watch.out.saw(/state 2 reached: nothing to do\n/)
    expect(await watch.stop('SIGTERM')).toMatchObject({ code: 0 })
    expect(await director.works('-S')).toContain('-w 1\n')
  })

  it('sees a file that took the place of the other, and a link that was turned round', async () => {
    const director = new Director('fullnat-v2')
    const [file, beside, link] = [write(JSON.stringify(stateOf(1))), freshFile(), freshFile('link')]
    // As a ConfigMap is mounted: the folder changes, not the file.
    const [one, two] = [freshFile('d'), freshFile('d')]
    for (const [folder, weight] of [
      [one, 3],
      [two, 4],
    ] as const) {
      mkdirSync(folder)
      writeFileSync(`${folder}/state`, JSON.stringify(stateOf(weight)))
    }
    const watch = new Watching(director, file)
    await watch.out.saw(/state 1 reached/)
    writeFileSync(beside, JSON.stringify(stateOf(2)))
    renameSync(beside, file)
    await watch.out.saw(/state 2 reached: .*\n.*weight 1 -> 2\n/)
    await watch.stop()

    symlinkSync(one, link)
    const other = new Watching(director, `${link}/state`)
    await other.out.saw(/state 1 reached: .*\n.*weight 2 -> 3\n/)
    rmSync(link)
    symlinkSync(two, link)
    await other.out.saw(/state \d reached: .*\n.*weight 3 -> 4\n/)
    await other.stop()
    expect(await director.works('-S')).toContain('-w 4\n')
  })

  it('mends what others change, and tells it before', async () => {
    const director = new Director('fullnat-v2')
    const watch = new Watching(director, write(JSON.stringify(stateOf(5))))
    await watch.out.saw(/state 1 reached/)
    for (const line of ['-D -t 192.0.2.1:80', '-A -f 7 -s rr']) {
      await director.works(line)
      await watch.out.saw(/drift: somebody else has changed the director.*\n( {2}[-+] .*\n)+/)
      // Its steps stand there already.
      await watch.out.saw(/Z state 1: \d done, 0 already so\n(?! )/)
    }
    const { err } = await watch.stop()
    expect(err).toBe('')
    expect((await director.works('-S')).split('\n')).toHaveLength(4)
  })

  it('as JSON: an object in each line', async () => {
    const director = new Director('fullnat-v2')
    const file = write(JSON.stringify(stateOf(1)))
    const watch = new Watching(director, file, '--json')
    await watch.out.saw(/"event":"reached"/)
    await director.works('-D -t 192.0.2.1:80')
    await watch.out.saw(/"event":"drift"/)
    writeFileSync(file, '{')
    await watch.out.saw(/"event":"broken"/)
    writeFileSync(file, JSON.stringify(stateOf(1, 'tunnel')))
    await watch.out.saw(/"event":"changed"/)
    await watch.out.saw(/"event":"reached"/)
    const { code, out, err } = await watch.stop()
    expect([code, err]).toEqual([0, ''])
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const of = (name: string) => events.filter(({ event }) => event === name)
    for (const { time } of events) expect(new Date(time).toISOString()).toBe(time)
    expect(events[0]).toMatchObject({ event: 'watching', file, dialect: 'fullnat-v2', transport: 'netlink' })
    expect(of('round')[0]).toMatchObject({
      cause: 'state',
      generation: 1,
      drift: 0,
      plan: { steps: { length: 3 } },
    })
    expect(of('drift')[0]).toMatchObject({ generation: 1, steps: [{ verb: 'add' }, {}, {}] })
    expect(of('broken')[0]).toMatchObject({ generation: 1, error: { message: expect.any(String) } })
    expect(of('changed')).toMatchObject([{ generation: 2 }])
    expect(of('reached').map(({ generation }) => generation)).toEqual([1, 2])
    expect(of('stopped')).toMatchObject([{ why: 'SIGINT' }])
  })

  it('goes on after what the kernel refuses, and tells it', async () => {
    const director = new Director('mainline')
    const bad = { services: [{ fwmark: 1, scheduler: 'none-such', destinations: [] }, { fwmark: 2 }] }
    const file = write(JSON.stringify(bad))
    const watch = new Watching(director, file)
    await watch.err.saw(/Z failed: add service fwmark 1: ENOENT.*\n {2}Check the name/)
    await watch.err.saw(/error \(apply\):\n {2}ERR_IPVS_INCOMPLETE: 1 of 2 steps .*\n {2}again in [\d.]+ s\n/)
    writeFileSync(file, JSON.stringify({ services: [{ fwmark: 2 }] }))
    await watch.out.saw(/state 2 reached/)
    expect(await watch.stop()).toMatchObject({ code: 0 })
  })

  it('stops where nobody reads any more, or nothing can be written', async () => {
    for (const [code, exit] of [
      ['EPIPE', 0],
      ['ENOSPC', 1],
    ] as const) {
      const director = new Director('fullnat-v2')
      const watch = new Watching(director, write(JSON.stringify(stateOf(1))))
      await watch.out.saw(/state 1 reached/)
      const error = Object.assign(new Error(`${code}: write`), { code, syscall: 'write' })
      watch.out.emit('error', error)
      expect(await watch.ended).toMatchObject({
        code: exit,
        err: exit === 0 ? '' : `ipvs-fullnat: ${code}: write\n`,
      })
      expect(await director.works('-S')).toContain('10.9.0.5')
    }
  })

  it('stops where nobody reads from the beginning', async () => {
    const director = new Director('fullnat-v2')
    const watch = new Watching(director, write(JSON.stringify(stateOf(1))))
    watch.out.emit('error', Object.assign(new Error('EPIPE: write'), { code: 'EPIPE', syscall: 'write' }))
    expect(await watch.ended).toMatchObject({ code: 0, err: '' })
  })

  it('ends where another kernel takes the place of the one in the file', async () => {
    const director = new Director('fullnat-v2')
    // No round looks before the next look at the file.
    const watch = new Watching(director, write(JSON.stringify(stateOf(1))), '--interval', '3600')
    await watch.out.saw(/state 1 reached/)
    writeFileSync(director.file, JSON.stringify(new FakeKernel({ dialect: 'mainline' }).dump()))
    expect(await watch.ended).toMatchObject({ code: 1, err: expect.stringContaining('another kernel') })
  })

  it.each([
    [['watch', '-'], 2, /watch needs a file, which it can read again/],
    [['watch'], 2, /watch needs FILE/],
    [['watch', '/no/such/file'], 1, /ENOENT/],
    [['watch', write('{"servces": []}')], 2, /servces/],
    [['watch', write('{"services": []}'), '--poll', '0'], 2, /--poll 0: must be seconds/],
    [['watch', write(JSON.stringify(stateOf(1))), '--ports', '81'], 2, /which manage and ignore leave out/],
    [['watch', write('{"services": []}'), '--max-removals', '200%'], 2, /maxRemovals/],
    [['watch', write('{"services": []}'), '--netns', '/no/such/namespace'], 1, /^ipvs-fullnat: E/],
  ])('%j ends at once', async (argv, code, said) => {
    expect(await cli(argv)).toMatchObject({ code, out: '', err: expect.stringMatching(said) })
  })
})

it('import keepalived FILE | plan -', async () => {
  const conf = `local_address_group web {
    10.1.0.1
}
virtual_server 192.0.2.1 80 {
    lb_algo wrr
    lb_kind FNAT
    protocol TCP
    laddr_group_name web
    real_server 10.9.0.5 8080 {
        weight 10
    }
}
`
  const imported = await cli(['import', 'keepalived', '-', '--dialect', 'alibaba'], { input: conf })
  expect(imported).toMatchObject({ code: 0, err: '' })
  const director = new Director('fullnat-v2')
  const { code, out, err } = await director.type('plan -', { input: imported.out })
  expect([code, err]).toEqual([2, ''])
  expect(out).toMatch(/^(\+ add .*\n){3}3 to add, 0 to change, 0 to remove, 0 unchanged\n$/)
  expect(await director.type('apply - --yes', { input: imported.out })).toMatchObject({ code: 0, err: '' })
  const again = await director.type('plan -', { input: imported.out })
  expect(again).toMatchObject({ code: 0, out: '0 to add, 0 to change, 0 to remove, 3 unchanged\n' })
  // An older version of it: what is new is all that is planned.
  const newer = imported.out.replace('"weight": 10', '"weight": 30')
  const grown = await director.type('plan -', { input: newer })
  expect([grown.code, grown.out.split('\n')[0]]).toEqual([2, expect.stringContaining('weight 10 -> 30')])
})

it('takes no text that was written while it was read', async () => {
  const path = freshFile()
  writeFileSync(path, 'first')
  let reads = 0
  const parsed: string[] = []
  const file = await StateFile.open({
    ...{ path, poll: 1, changed: () => {}, broken: () => {} },
    read: async () => {
      const bytes = readFileSync(path)
      // Half of the next one was there.
      if (++reads === 2) writeFileSync(path, 'second, whole')
      return { name: path, bytes }
    },
    parse: async ({ bytes }) => {
      parsed.push(Buffer.from(bytes).toString())
      return { services: [] }
    },
    looked: () => {
      if (readFileSync(path, 'utf8') === 'first') writeFileSync(path, 'second')
    },
  })
  const states = file[Symbol.asyncIterator]()
  await states.next()
  await states.next()
  expect(parsed).toEqual(['first', 'second, whole'])
})

it('reads no file that changes from one look to the next', async () => {
  const path = freshFile()
  writeFileSync(path, '{}')
  let looks = 0
  const readAt: number[] = []
  const read = async () => {
    readAt.push(looks)
    return { name: path, bytes: readFileSync(path) }
  }
  const file = await StateFile.open({
    ...{ path, poll: 1, read, changed: () => {}, broken: () => {} },
    parse: async () => ({ services: [] }),
    looked: () => {
      if (++looks <= 5) writeFileSync(path, `{}${' '.repeat(looks)}`)
    },
  })
  const states = file[Symbol.asyncIterator]()
  await states.next()
  await states.next()
  // The fifth look finds the last change, the sixth that it rests.
  expect(readAt).toEqual([0, 6])
})
