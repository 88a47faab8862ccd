// save and restore, on fake kernels.
import { chmodSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { cli, Director, type FakeDialect, freshFile } from './support'

const METHOD: Record<FakeDialect, string> = { mainline: '-m', 'fullnat-v2': '-b', 'fullnat-v3': '-b' }

async function filled(dialect: FakeDialect): Promise<Director> {
  const director = new Director(dialect)
  const lines = [
    '-A -t 192.0.2.1:80 -s wrr -p 60',
    `-a -t 192.0.2.1:80 -r 10.9.0.5:8080 ${METHOD[dialect]} -w 10 -x 100 -y 40`,
    `-a -t 192.0.2.1:80 -r 10.9.0.6:8080 ${METHOD[dialect]} -w 0`,
    '-A -f 7 -s rr',
    '--set 100 50 77',
  ]
  if (dialect !== 'mainline') lines.push('-P -t 192.0.2.1:80 -z 10.1.0.1')
  for (const line of lines) await director.works(line)
  return director
}

const saved = async (director: Director, ...more: string[]) => {
  const { savedAt: _, ...rest } = JSON.parse(await director.works(['save', ...more]))
  return rest
}

describe.each(['mainline', 'fullnat-v2', 'fullnat-v3'] as const)('save and restore on %s', (dialect) => {
  it('what was saved comes back, field by field', async () => {
    const director = await filled(dialect)
    await director.works('sysctl set expire_nodest_conn 1')
    const file = freshFile()
    expect(await director.works(['save', '--sysctls', file])).toBe('')
    const before = await saved(director, '--sysctls')
    expect(before).toMatchObject({ dialect, consistent: true, sysctls: { expire_nodest_conn: 1 } })
    expect(await saved(director)).not.toHaveProperty('sysctls')

    for (const line of ['-C', '--set 1 2 3', 'sysctl set expire_nodest_conn 0', '-A -f 9 -s rr']) {
      await director.works(line)
    }
    const dry = await director.type(['restore', file, '--replace', '--dry-run'])
    expect(dry).toMatchObject({ code: 2, err: '', out: expect.stringMatching(/^- remove service fwmark 9/m) })
    expect((await saved(director)).services).toHaveLength(1)

    const done = await director.type(['restore', file, '--replace', '--yes'])
    expect(done).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/\d+ done, 0 already so\n$/) })
    expect(await saved(director, '--sysctls')).toEqual(before)
    expect(await director.works(['restore', file, '--replace'])).toContain(
      '0 to add, 0 to change, 0 to remove',
    )
    expect(await director.works(['restore', file, '--replace', '--dry-run'])).toContain('0 to remove')
  })

  it('--merge leaves what is not in it', async () => {
    const director = await filled(dialect)
    const text = await director.works('save')
    await director.works('-A -f 9 -s rr')
    await director.works('-D -f 7')
    expect(await director.type('restore - --merge --yes', { input: text })).toMatchObject({
      code: 0,
      err: '',
    })
    const { services } = await saved(director)
    expect(services.map(({ fwmark }: { fwmark?: number }) => fwmark).sort()).toEqual([7, 9, undefined])
  })
})

describe('save', () => {
  it('takes the place of a file at once: its permissions stay, and so does a link to it', async () => {
    const director = await filled('fullnat-v2')
    const [file, link] = [freshFile(), freshFile()]
    writeFileSync(file, 'old')
    chmodSync(file, 0o600)
    symlinkSync(file, link)
    await director.works(['save', link])
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ format: 'ipvs-fullnat' })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await director.works(['save', '/dev/null'])
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
    expect(await director.type('save /no/such/folder/x')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^ipvs-fullnat: ENOENT: /),
    })
  })
})

describe('restore', () => {
  it('asks on a terminal, and does what it has shown', async () => {
    const director = await filled('fullnat-v2')
    const file = freshFile()
    await director.works(['save', file])
    for (const [answer, code] of [
      ['no\n', 2],
      ['yes\n', 0],
    ] as const) {
      await director.works('-C')
      const stdin = Object.assign(Readable.from([Buffer.from(answer)]), { isTTY: true })
      const result = await director.type(['restore', file, '--replace'], { stdin })
      expect([answer, result.code]).toEqual([answer, code])
      expect(result.err).toContain('Do it? Only yes does: ')
      expect((await saved(director)).services).toHaveLength(code === 0 ? 2 : 0)
    }
    await director.works('-C')
    const unasked = await director.type(['restore', file, '--replace'])
    expect(unasked).toMatchObject({ code: 2, err: 'Nothing was changed: --yes does it.\n' })
  })

  it('says what is lost on another kernel, and does nothing unless that is accepted', async () => {
    const text = await (await filled('fullnat-v2')).works('save')
    const other = new Director('mainline')
    const argv = ['restore', '-', '--replace']
    for (const more of [['--yes'], ['--dry-run'], ['--yes', '--json']]) {
      const { code, err } = await other.type([...argv, ...more], { input: text })
      expect([more, code]).toEqual([more, 1])
      expect(err).toMatch(/^lost: services\[\d\]\.\S+: /m)
      expect(err).toMatch(/nothing was changed: \d of it cannot be on this kernel\n {2}--accept-losses/)
    }
    expect((await saved(other)).services).toEqual([])
    const dry = await other.type([...argv, '--dry-run', '--accept-losses', '--json'], { input: text })
    expect(dry.code).toBe(2)
    const { plan, losses } = JSON.parse(dry.out)
    expect([plan.dialect, losses.length > 0]).toEqual(['mainline', true])
    const done = await other.type([...argv, '--accept-losses', '--yes', '--json'], { input: text })
    expect(done.code).toBe(0)
    expect(JSON.parse(done.out)).toMatchObject({ losses, applied: { complete: true } })
    expect((await saved(other)).services).toHaveLength(2)
  })

  it.each([
    ['{', /:1:2: .*\n {2}1 \| \{\n/],
    ['services: []', /is no JSON|:1:1: /],
    ['{}', /this is no saved state:\n {2}format: /],
    [
      '{"format":"ipvs-fullnat","version":1,"services":7}',
      /this is no saved state:\n[\s\S]*dialect[\s\S]*services/,
    ],
    ['{"format":"ipvs-fullnat","version":2}', /newer/],
  ])('%j is no saved state: 1, and nothing is opened', async (text, said) => {
    const argv = ['restore', '-', '--replace', '--netns', '/no/such/namespace']
    const { code, out, err } = await cli(argv, { input: text })
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(said)
    expect(err).not.toContain('    at ')
  })

  it.each([
    [['restore', 'x'], /restore needs --replace or --merge/],
    [['restore', 'x', '--replace', '--merge'], /--replace beside --merge/],
    [['restore', 'x', '--replace', '--dry-run', '--yes'], /--yes beside --dry-run/],
    [['restore', '--replace'], /restore needs FILE/],
  ])('%j is told', async (argv, said) => {
    expect(await cli(argv)).toMatchObject({ code: 1, out: '', err: expect.stringMatching(said) })
  })

  it('takes a document on one line, however long that is', async () => {
    const director = new Director('mainline')
    const rules = Array.from({ length: 600 }, (_, i) => `-A -f ${i + 1} -s rr\n`).join('')
    await director.works('-R', { input: rules })
    const text = JSON.stringify(JSON.parse(await director.works('save')))
    expect(text.length).toBeGreaterThan(2 ** 16)
    await director.works('-C')
    await director.works('restore - --replace --yes', { input: text })
    expect((await saved(director)).services).toHaveLength(600)
  })
})
