// doctor, on fake kernels and without a kernel.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { remedyInLines } from '../../../lib/cli/remedies'
import { cli, Director, freshFile, Sink } from './support'

const ESCAPE = '\u001b['

async function broken(): Promise<Director> {
  const director = new Director('fullnat-v2')
  await director.works('-A -t 192.0.2.1:80 -s rr')
  await director.works('-a -t 192.0.2.1:80 -r 10.9.0.5:8080 -b')
  for (const i of [2, 3]) await director.works(`-A -t 192.0.2.${i}:80 -s rr`)
  return director
}

describe('doctor', () => {
  it('finds nothing in an empty director', async () => {
    for (const dialect of ['mainline', 'fullnat-v2', 'fullnat-v3'] as const) {
      const director = new Director(dialect)
      const out = await director.works('doctor')
      expect(out).toMatch(new RegExp(`^${dialect} over netlink: `))
      expect(out).toMatch(/nothing was found, and everything was looked at\n$/)
      expect(JSON.parse(await director.works('doctor --json'))).toMatchObject({ dialect, findings: [] })
    }
  })

  it('tells the worst first, the same of many once, with lines to type', async () => {
    const director = await broken()
    const { code, out, err } = await director.type('doctor')
    expect([code, err]).toEqual([2, ''])
    expect(out.split('\n\n').slice(1)).toEqual([
      expect.stringMatching(
        /^error: fullnat-without-local-address\n {4}tcp 192\.0\.2\.1:80\n {2}.*\n {2}.*`ipvs-fullnat -P -t 192\.0\.2\.1:80 -z 10\.1\.0\.1`\.\n {2}Evidence: destinations 1, /,
      ),
      expect.stringMatching(
        /^warning: no-destination\n {4}tcp 192\.0\.2\.2:80\n {4}tcp 192\.0\.2\.3:80\n {2}.*\n {2}.*`ipvs-fullnat -D -t 192\.0\.2\.2:80`\.$/,
      ),
      '1 error, 2 warnings\n',
    ])
    const json = await director.type('doctor --json')
    expect([json.code, JSON.parse(json.out).findings.length]).toEqual([2, 3])
  })

  it('colours are for a terminal', async () => {
    const director = await broken()
    expect((await director.type('doctor', { stdout: new Sink(true, 80) })).out).toContain(`${ESCAPE}31merror`)
    expect((await director.type('doctor')).out).not.toContain(ESCAPE)
    const env = { NO_COLOR: '1' }
    expect((await director.type('doctor', { stdout: new Sink(true, 80), env })).out).not.toContain(ESCAPE)
  })

  it('tells what a desired state would bring about', async () => {
    const director = new Director('fullnat-v2')
    const file = freshFile()
    const service = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' }
    writeFileSync(file, JSON.stringify({ services: [{ ...service, destinations: [] }] }))
    const { code, out } = await director.type(['doctor', '--state', file])
    expect(code).toBe(2)
    expect(out).toContain('warning: no-destination (the desired state would bring it about)\n')
    expect(await director.works('-S')).toBe('')
    writeFileSync(file, '{"services": [{"fwmark": 0}]}')
    expect(await cli(['doctor', '--state', file, '--netns', '/no/such'])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/the desired state cannot be:\n {2}services\[0\]/),
    })
  })

  it('what is only worth knowing makes 0', async () => {
    const director = new Director('fullnat-v2')
    await director.works('sysctl set defence_frag_drop 1')
    await director.works('-A -u 192.0.2.1:53 -s rr')
    await director.works('-a -u 192.0.2.1:53 -r 10.9.0.5:53 -m')
    const { code, out } = await director.type('doctor')
    expect(out).toContain('info: fragments-dropped\n')
    expect([code, out.split('\n').slice(-2)]).toEqual([0, ['1 info', '']])
  })

  it('without a kernel it says why: 1', async () => {
    const { code, out, err } = await cli(['doctor', '--netns', '/no/such/namespace'])
    expect([code, err]).toEqual([1, ''])
    expect(out).toMatch(/^error: \S+\n {2}[\s\S]*\n {2}Evidence: error \S+, message [\s\S]*\n1 error\n$/)
    const json = await cli(['doctor', '--json', '--netns', '/no/such/namespace'])
    expect([json.code, JSON.parse(json.out)]).toMatchObject([1, { dialect: 'unknown', findings: [{}] }])
  })

  it.each([
    [['--transport', 'x'], /--transport x: must be one of/],
    [['--login-ports', 'ssh'], /--login-ports ssh: must be a whole number from 1 to 65535/],
    [['--login-ports', '99999'], /--login-ports 99999: must be/],
    [['--interval', 'x'], /--interval x: must be seconds/],
    [['--state', '/no/such/file'], /ENOENT/],
  ])('%j is told: 1', async (argv, said) => {
    expect(await cli(['doctor', ...argv])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(said),
    })
    const fake = await new Director('fullnat-v2').type(['doctor', ...argv])
    expect(fake).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^ipvs-fullnat: /) })
  })
})

it('every call of the library that a remedy names has a line to type', () => {
  const folder = 'lib/diagnose'
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const calls = paths.flatMap((path) => {
    const code = readFileSync(join(folder, path), 'utf8')
    const texts = code.match(/(["'])(?:(?!\1)[^\\\n]|\\.)*\1|`(?:[^`\\]|\\.)*`/g) ?? []
    return texts
      .map((text) => text.replace(/\\`/g, '`').replace(/\$\{[^}]*\}/g, '1'))
      .flatMap((text) => text.slice(1, -1).match(/`[^`]*(?:ipvs\.|Ipvs\.|diagnose\()[^`]*`/g) ?? [])
  })
  expect(calls.length).toBeGreaterThan(25)
  for (const call of calls) expect(remedyInLines(call, {})).toMatch(/^`(?:ipvs-fullnat |--)[^{}]*`$/)
})

it.each([
  [{ protocol: 'udp', address: '2001:db8::1', port: 53, family: 'ipv6' }, '-u [2001:db8::1]:53'],
  [{ fwmark: 7, family: 'ipv6' }, '-f 7 -6'],
  [{ fwmark: 7, family: 'ipv4' }, '-f 7'],
] as const)('%j in a line', (service, words) => {
  const remedy = 'x `ipvs.services.remove(service)` y `ip addr`'
  expect(remedyInLines(remedy, { service })).toBe(`x \`ipvs-fullnat -D ${words}\` y \`ip addr\``)
})
