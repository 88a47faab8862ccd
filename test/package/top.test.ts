// `ipvs-fullnat top` as a program: in a pipe, and on a terminal that `script` of util-linux makes.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Screen } from '../unit/top/screen'
import { until } from '../vm/net/until'
import { root } from './project'

/** They find what hangs. */
vi.setConfig({ testTimeout: 600_000 })

const FAKE = 'FakeKernel, NOT A REAL KERNEL: simulated traffic, 2 s of it between two polls'
const DIALECTS = ['mainline', 'fullnat-v2', 'fullnat-v3'] as const

const children: ChildProcess[] = []
beforeAll(() => {
  if (!existsSync(`${root}/dist/index.mjs`)) throw new Error('dist is missing: npm run build')
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

const program = ['dist/cli/bin.js', 'top']
const fast = ['--interval', '0.02']

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...program, ...args], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

describe.each(DIALECTS)('in a pipe, with a fake kernel as %s', (dialect) => {
  it('prints a block for each poll, the same each time', () => {
    const { status, stdout, stderr } = run(...fast, '--demo', dialect, '--count', '3')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(run(...fast, '--demo', dialect, '--count', '3').stdout).toBe(stdout)
    expect(stdout).toMatch(/^[ -~\n]*\n\n$/)
    const blocks = stdout.trimEnd().split('\n\n')
    expect(blocks).toHaveLength(3)
    const lines = blocks[2].split('\n')
    const fullnat = dialect !== 'mainline'
    // What was closed two steps ago has left the table of fullnat-v2 alone.
    const states = {
      mainline: 'time-wait 94, established 74, udp 36',
      'fullnat-v2': 'established 74, time-wait 52, udp 36',
      'fullnat-v3': 'this kernel has no list of connections',
    }[dialect]
    const locals = dialect === 'fullnat-v3' ? 168 : 162
    expect(lines.slice(0, fullnat ? 5 : 4)).toEqual([
      `simulated 00:00:06  ${dialect}  4 services, 7 destinations`,
      FAKE,
      'Total     42 conns/s   in 20k B/s 252 p/s   out 403k B/s 336 p/s   over 2.00 s',
      `States    ${states}`,
      ...(fullnat ? [`Local     7 addresses, ${locals} connections, 0 port conflicts (0/s)`] : []),
    ])
    const rows = lines.slice(fullnat ? 5 : 4).map((line) => line.trim().split(/ {2,}/))
    const inactive = (there: number) => String(dialect === 'fullnat-v2' ? (there * 5) / 8 : there)
    const method = fullnat ? 'fullnat' : 'masquerade'
    expect(rows.slice(0, 4)).toEqual([
      [
        'Service / destination',
        'CONNS/S',
        'In B/s Out B/s',
        'In p/s Out p/s',
        'Active Inactive',
        'Weight',
        'Conns Scheduler/method',
      ],
      ['tcp 192.0.2.1:443', '24', '12k', '230k', '144', '192', '48', inactive(48), '96', 'wrr'],
      ['-> 10.9.0.5:8443', '12', '5.8k', '115k', '72', '96', '24', inactive(24), '2', '48', method],
      ['-> 10.9.0.6:8443', '12', '5.8k', '115k', '72', '96', '24', inactive(24), '2', '48', method],
    ])
    const services = rows.map(([name]) => name).filter((name) => /^(tcp|udp)/.test(name as string))
    expect(services).toEqual([
      'tcp 192.0.2.1:443',
      'tcp 192.0.2.1:80',
      'udp 192.0.2.53:53',
      'tcp [2001:db8::80]:80',
    ])
    expect(lines.filter((line) => line.startsWith('  via '))).toHaveLength(fullnat ? 7 : 0)
  })
})

it('tells changes, sorted by name', () => {
  const { stdout } = run(
    ...fast,
    '--demo',
    'mainline',
    '--count',
    '5',
    '--sort',
    'name',
    '--no-color',
    '--plain',
  )
  const last = stdout.trimEnd().split('\n\n')[4].split('\n')
  expect(last.at(-1)).toBe('changed destination tcp 192.0.2.1:80 -> 10.9.0.7:8080: weight 2 -> 0')
  const services = last.filter((line) => /^(tcp|udp) /.test(line)).map((line) => line.split(/ {2,}/)[0])
  expect(services).toEqual([
    'tcp [2001:db8::80]:80',
    'tcp 192.0.2.1:80',
    'tcp 192.0.2.1:443',
    'udp 192.0.2.53:53',
  ])
})

it('ends when its reader has seen enough', async () => {
  const child = spawn(process.execPath, [...program, ...fast, '--demo', 'fullnat-v2'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let errors = ''
  child.stderr.on('data', (piece) => {
    errors += piece
  })
  const ended = once(child, 'close')
  await once(child.stdout, 'data')
  child.stdout.destroy()
  expect(await ended).toEqual([0, null])
  expect(errors).toBe('')
})

it.each(['SIGINT', 'SIGTERM'] as const)('%s ends it after a whole block', async (signal) => {
  const child = spawn(process.execPath, [...program, ...fast, '--demo', 'fullnat-v2'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let text = ''
  for await (const line of createInterface({ input: child.stdout })) {
    if (text === '') child.kill(signal)
    text += `${line}\n`
  }
  if (child.exitCode === null) await once(child, 'exit')
  expect([child.exitCode, child.signalCode]).toEqual([0, null])
  expect(text).toMatch(/ {2}via [^\n]+\n\n$/)
})

it.each([
  [['--demo', 'windows'], /--demo windows: must be one of mainline, /],
  [['--interval', '0'], /--interval 0: must be seconds/],
  [['--sort', 'size'], /--sort size: must be one of conns, in/],
  [['--cuont', '3'], /--cuont: did you mean --count\?/],
])('says what is wrong with %j', (args, said) => {
  const { status, stdout, stderr } = run(...args)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toMatch(said)
  expect(stderr).not.toContain('    at ')
})

it('says how it is used', () => {
  expect(run('--help')).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringMatching(/^usage: ipvs-fullnat top /),
  })
})

const script = spawnSync('script', ['--version'], { encoding: 'utf8' })
const hasScript = /util-linux/.test(script.stdout ?? '')

describe.skipIf(!hasScript)(
  `on a terminal${hasScript ? '' : ' (skipped: there is no script of util-linux)'}`,
  () => {
    /** Starts it from a shell on a terminal, which says at the end what has become of program and terminal. */
    async function terminal(args: string, environment: Record<string, string> = {}) {
      const node = `'${process.execPath}' dist/cli/bin.js top --interval 0.05 ${args}`
      const shell = [
        'stty cols 80 rows 24',
        'before=$(stty -g)',
        'echo "tty $(tty)"',
        `sh -c 'echo "pid $$"; exec "$@"' sh ${node}`,
        'status=$?',
        '[ "$(stty -g)" = "$before" ] && terminal=restored || terminal=broken',
        'echo "status $status, terminal $terminal"',
      ].join('\n')
      const { NO_COLOR, ...rest } = process.env
      const child = spawn('script', ['-qfc', shell, '/dev/null'], {
        cwd: root,
        env: { ...rest, SHELL: '/bin/sh', TERM: 'xterm', ...environment },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      children.push(child)
      const screen = new Screen(80, 24)
      let text = ''
      let drawn = 0
      const draw = () => {
        // What came in pieces must not end within a sequence.
        const end = Math.max(text.lastIndexOf('\u001b'), drawn)
        if (end > drawn) screen.write(text.slice(drawn, end))
        drawn = end
      }
      child.stdout.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        draw()
      })
      const said = async (what: RegExp) => {
        const [, found] = (await until(
          `${what}`,
          () => what.exec(text),
          (match) => match !== null,
        )) as RegExpExecArray
        return found as string
      }
      return {
        screen,
        said,
        pid: Number(await said(/pid (\d+)\r/)),
        tty: await said(/tty (\S+)\r/),
        shows: (what: RegExp) =>
          until(
            `the screen shows ${what}`,
            () => screen.lines().join('\n'),
            (all) => what.test(all),
          ),
        type: (keys: string) => child.stdin.write(keys),
        async ended() {
          const end = await said(/(status \d+, terminal \w+)/)
          expect(text.slice(text.lastIndexOf('\u001b[?1049l')).trim()).toBe(`\u001b[?1049l${end}`)
          expect(text).toContain('\u001b[?25h')
          return end
        },
      }
    }

    it('shows the table, obeys keys and a resize, and gives the terminal back', async () => {
      const { screen, shows, type, tty, ended } = await terminal('--demo fullnat-v2')
      await shows(/NOT A REAL KERNEL/)
      await shows(/^tcp 192\.0\.2\.1:443 +\d/m)
      expect(screen).toMatchObject({ alternate: true, cursor: false, styled: true })
      expect(screen.lines().join('\n')).not.toContain('Scheduler/method')
      type('s')
      await shows(/IN B\/S/)
      type('\u001b[B')
      await shows(/^2-\d+ of 18/m)
      screen.resize(120, 40)
      spawnSync('stty', ['-F', tty, 'cols', '120', 'rows', '40'])
      await shows(/Scheduler\/method/)
      type('?')
      await shows(/expand or collapse services/)
      type('q')
      expect(await ended()).toBe('status 0, terminal restored')
    })

    it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s gives it back as well', async (signal) => {
      const { shows, pid, ended } = await terminal('--demo mainline')
      await shows(/^tcp/m)
      process.kill(pid, signal)
      expect(await ended()).toBe('status 0, terminal restored')
    })

    it.each([
      ['--no-color', {}],
      ['', { NO_COLOR: '1' }],
    ])('there is no colour with %j and %j', async (option, environment) => {
      const { screen, shows, type, ended } = await terminal(`--demo mainline ${option}`, environment)
      await shows(/^tcp/m)
      type('\u0003')
      expect(await ended()).toBe('status 0, terminal restored')
      expect(screen.styled).toBe(false)
    })

    it('a dumb terminal gets plain lines', async () => {
      const { screen, said } = await terminal('--demo mainline --count 2', { TERM: 'dumb' })
      expect(await said(/(status \d+, terminal \w+)/)).toBe('status 0, terminal restored')
      expect(screen).toMatchObject({ alternate: false, styled: false })
      await said(/(Total {5}34 conns\/s)/)
    })
  },
)
