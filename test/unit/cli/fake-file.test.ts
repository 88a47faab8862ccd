// A FakeKernel in a file, and a run that is interrupted.
import { EventEmitter } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, it } from 'vitest'
import { Ipvs } from '../../../lib'
import { openFakeFile } from '../../../lib/cli/fake-file'
import { cli, Director, FakeKernel, freshFile } from './support'

it('is a new kernel where there is no file, and a file when something has changed', async () => {
  const director = new Director('fullnat-v3')
  expect(await director.works('-L -n')).toContain('Established(Sec.)')
  expect(existsSync(director.file)).toBe(false)
  await director.works('-A -f 7 -s rr')
  expect(JSON.parse(readFileSync(director.file, 'utf8'))).toMatchObject({ format: 1, dialect: 'fullnat-v3' })
  // What only reads leaves the file alone, whatever it looks like.
  const compact = JSON.stringify(JSON.parse(readFileSync(director.file, 'utf8')))
  writeFileSync(director.file, compact)
  for (const line of ['-L -n', '-S', '-G', 'stats', 'sysctl']) await director.works(line)
  expect(readFileSync(director.file, 'utf8')).toBe(compact)
  const left = readdirSync(dirname(director.file)).filter((name) => name.startsWith('.'))
  expect(left).toEqual([])
})

it('says each time that it is not real, on standard error alone', async () => {
  const file = freshFile()
  for (const argv of [['-A', '-f', '7'], ['-L', '-n'], ['stats']]) {
    const { code, out, err } = await cli(['--fake', file, ...argv])
    expect([code, err]).toEqual([0, `FakeKernel in ${file}, NOT A REAL KERNEL (fullnat-v2)\n`])
    expect(out).not.toContain('REAL')
  }
})

it.each([
  ['', /is no FakeKernel: .*JSON/],
  ['{', /is no FakeKernel/],
  ['null', /not what dump\(\) writes/],
  ['{"format":2}', /not what dump\(\) writes/],
  ['{"format":1,"dialect":"windows","cpus":1}', /does not say which kernel/],
  ['{"format":1,"dialect":"mainline","cpus":-1}', /is no FakeKernel: .*options\.cpus/],
  ['{"format":1,"dialect":"mainline","cpus":1}', /is no FakeKernel: [\s\S]*Part of it is missing/],
  ['{"format":1,"dialect":"mainline","cpus":1000000}', /cpus/],
])('a file with %j is refused and stays', async (text, said) => {
  const file = freshFile()
  writeFileSync(file, text)
  const { code, out, err } = await cli(['--fake', file, '-A', '-f', '7'])
  expect([out, code > 0]).toEqual(['', true])
  expect(err).toMatch(said)
  expect(err).not.toContain('    at ')
  expect(readFileSync(file, 'utf8')).toBe(text)
})

it('of another kernel than --fake-dialect says is refused', async () => {
  const file = freshFile()
  writeFileSync(file, JSON.stringify(new FakeKernel({ dialect: 'mainline' }).dump()))
  expect(await cli(['--fake', file, '--fake-dialect', 'fullnat-v2', '-L'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('is mainline, --fake-dialect fullnat-v2 makes no other of it'),
  })
  expect(await cli(['--fake', file, '-L', '-n'])).toMatchObject({ code: 0 })
})

it('that somebody else has changed meanwhile is not written over', async () => {
  const path = freshFile()
  const file = await openFakeFile(path, 'mainline')
  const ipvs = await Ipvs.open({ transport: file.kernel.transport() })
  await ipvs.services.add({ fwmark: 7 })
  await ipvs.close()
  const other = JSON.stringify(new FakeKernel().dump())
  writeFileSync(path, other)
  expect(() => file.save()).toThrow(/another command has changed/)
  expect(readFileSync(path, 'utf8')).toBe(other)
})

it('in a folder that is not there, says so', async () => {
  const { code, err } = await cli(['--fake', '/no/such/folder/file', '-A', '-f', '7'])
  expect(code).toBe(1)
  expect(err).toMatch(/ENOENT: .*\/no\/such\/folder/)
})

it('SIGINT ends what is under way, and listens no more behind it', async () => {
  const signals = new EventEmitter()
  const director = new Director('mainline')
  const stderr = new (await import('./support')).Sink()
  const input = Array.from({ length: 20_000 }, (_, i) => `-A -f ${i + 1} -s rr\n`).join('')
  const running = director.type('-R', { input, signals, stderr })
  const begun = setInterval(() => signals.listenerCount('SIGINT') > 0 && signals.emit('SIGINT'), 1)
  const { code, out } = await running
  clearInterval(begun)
  expect([code, out]).toEqual([130, ''])
  expect(stderr.text).toMatch(/ipvs-fullnat: interrupted/)
  expect(signals.eventNames()).toEqual([])
})

it.each([1, 5, 12])(
  'an interrupted -R says how far it came, and keeps what is done (%i looks later)',
  async (looks) => {
    // Comes while a piece is under way: the text is read before the first one is.
    const signals = new EventEmitter()
    let asked = 0
    const director = new Director('mainline')
    const stderr = new (await import('./support')).Sink(true, 80)
    const { write } = stderr
    // Progress is written between two pieces.
    stderr.write = (text) => {
      if (/ rules/.test(text) && ++asked === looks) setImmediate(() => signals.emit('SIGINT'))
      return write.call(stderr, text)
    }
    const now = Date.now
    let time = 0
    Date.now = () => (time += 1000)
    const input = Array.from({ length: 60_000 }, (_, i) => `-A -f ${i + 1} -s rr\n`).join('')
    try {
      const { code, out } = await director.type('-R', { input, signals, stderr })
      expect([code, out]).toEqual([130, ''])
    } finally {
      Date.now = now
    }
    const done = Number(/interrupted: (\d+) of 60000 rules are done/.exec(stderr.text)?.[1])
    expect(done).toBeGreaterThanOrEqual(looks * 2000)
    expect(stderr.text).not.toContain('ABORT_ERR')
    const listed = JSON.parse(await director.works('-L -n --json')).services.length
    expect(listed).toBeGreaterThanOrEqual(done)
    expect(listed).toBeLessThan(60_000)
  },
)
