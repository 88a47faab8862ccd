import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

interface Step {
  readonly uses?: string
  readonly run?: string
}
interface Job {
  readonly needs?: string
  readonly uses?: string
  readonly steps?: readonly Step[]
}

const folder = '.github/workflows'
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
const suites = /const SUITES = \{([^}]*)\}/.exec(readFileSync('scripts/test.mjs', 'utf8'))?.[1] ?? ''
const prebuilds = ['x64', 'arm64'].flatMap((arch) => [`linux-${arch}`, `linux-${arch}-musl`])
const workflows = readdirSync(folder).map((name) => {
  const { jobs } = parse(readFileSync(`${folder}/${name}`, 'utf8')) as { jobs: Record<string, Job> }
  return { name, jobs }
})

/** What is against a line that a shell of the forge runs, `${{ … }}` being anything. */
function faultsOf(line: string): string[] {
  const faults: string[] = []
  for (const [, script] of line.matchAll(/npm run (?:-s )?([\w:]+)/g)) {
    if (!((script as string) in scripts)) faults.push(`npm run ${script}`)
  }
  for (const [, suite] of line.matchAll(/npm test -- (\w+)/g)) {
    if (!new RegExp(`^ +${suite}: \\[`, 'm').test(suites)) faults.push(`npm test -- ${suite}`)
  }
  for (const [, file] of line.matchAll(/\b(scripts\/[\w./-]+)/g)) {
    if (!existsSync(file as string)) faults.push(file as string)
  }
  for (const [, names = ''] of line.matchAll(/npm run prebuild -- (.*)$/g)) {
    const every = ['x64', 'arm64'].flatMap((arch) => names.replace(/\$\{\{[^}]*\}\}/g, arch).split(' '))
    faults.push(...every.filter((name) => !prebuilds.includes(name)))
  }
  return faults
}

describe.each(workflows)('$name', ({ jobs }) => {
  it.each(Object.entries(jobs))('job %s has scripts that exist, and actions that cannot change', (_, job) => {
    if (job.needs) expect(Object.keys(jobs)).toContain(job.needs)
    if (job.uses) expect(existsSync(job.uses.replace('./', ''))).toBe(true)
    const steps = job.steps ?? []
    expect(steps.length > 0).toBe(job.uses === undefined)
    expect(steps.flatMap(({ run = '' }) => faultsOf(run))).toEqual([])
    const loose = steps.filter(({ uses }) => uses && !/^[\w/-]+@[0-9a-f]{40}$/.test(uses))
    expect(loose).toEqual([])
  })
})

it('a script that is not there is found', () => {
  expect(faultsOf('npm run built')).toEqual(['npm run built'])
  expect(faultsOf('npm test -- units')).toEqual(['npm test -- units'])
  expect(faultsOf('node scripts/none.mjs')).toEqual(['scripts/none.mjs'])
  expect(faultsOf('npm run prebuild -- linux-x64 linux-mips')).toContain('linux-mips')
})

it.each(['.github/dependabot.yml', '.github/ISSUE_TEMPLATE/bug.yml', '.github/ISSUE_TEMPLATE/config.yml'])(
  '%s is YAML',
  (path) => expect(parse(readFileSync(path, 'utf8'))).toBeTypeOf('object'),
)
