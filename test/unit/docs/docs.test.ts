// Every code block of README, guides and docstrings is compiled and run. The comments that can stand beside one are those of
// code-blocks.ts; what is not run says why.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse as parseYaml } from 'yaml'
import type { OpenOptions } from '../../../lib'
import { Ipvs } from '../../../lib'
import { plan } from '../../../lib/reconcile'
import { FakeKernel } from '../../../lib/testing'
import type { CodeBlock } from './code-blocks'
import { codeBlocks, root } from './code-blocks'
import { compile, isModule, moduleOf, writeModules } from './modules'
import { isOurs, Shell, typedLines } from './shell'
import { hasSystemd, unitFaults } from './units'

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const SHELLS = ['sh', 'console']
const DATA = ['json', 'yaml']

const blocks = codeBlocks()
const code = blocks.filter(({ language }) => language !== '')
const run = code.filter(({ notRun }) => notRun === undefined)
const at = ({ file, line, language }: CodeBlock) => `${file}:${line} ${language}`

/** A block and those before it that it goes on from. */
function sceneOf(block: CodeBlock): CodeBlock[] {
  const scene = [block]
  for (let i = blocks.indexOf(block); blocks[i]?.continues; i--) scene.unshift(blocks[i - 1] as CodeBlock)
  return scene
}

const modules = run.filter((block) => isModule(block) || block.setup?.code.trim())

const home = process.cwd()
const folder = mkdtempSync(join(tmpdir(), 'ipvs-docs-'))
beforeAll(() => {
  writeModules(modules.map((block) => (isModule(block) ? sceneOf(block) : [block])))
  process.chdir(folder)
})
afterAll(() => {
  process.chdir(home)
  rmSync(folder, { recursive: true, force: true })
})

const open = Ipvs.open.bind(Ipvs)

/** `Ipvs.open()` has the fake kernel of the block, as has `ipvs`. */
async function enterScene(kernel: FakeKernel): Promise<Ipvs> {
  const opened: Ipvs[] = []
  vi.spyOn(Ipvs, 'open').mockImplementation(async (options: OpenOptions = {}) => {
    const { transport, netns: _, addon: _addon, ...rest } = options
    const own =
      typeof transport === 'object' ? transport : kernel.transport({ netlink: transport !== 'sockopt' })
    opened.push(await open({ ...rest, transport: own }))
    return opened[opened.length - 1] as Ipvs
  })
  const ipvs = await open({ transport: kernel.transport() })
  Object.assign(globalThis, { ipvs, kernel, web: WEB, assert })
  return ipvs
}

async function runModule(block: CodeBlock, kernel: FakeKernel): Promise<void> {
  const ipvs = await enterScene(kernel)
  const quiet = (['log', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name).mockReturnValue())
  const before = process.listeners('SIGTERM')
  try {
    await import(moduleOf(block))
  } finally {
    for (const spy of quiet) spy.mockRestore()
    for (const one of process.listeners('SIGTERM')) {
      if (!before.includes(one)) process.removeListener('SIGTERM', one)
    }
    await ipvs.close()
  }
}

async function runShell(block: CodeBlock): Promise<void> {
  const scene = sceneOf(block)
  const shell = new Shell(scene[0] as CodeBlock)
  for (const one of scene) {
    if (one.setup?.code.trim()) await shell.with((kernel) => runModule(one, kernel))
    for (const { command, output } of typedLines(one)) {
      if (!isOurs(command)) {
        expect(
          one.machine,
          `${at(one)}: ${command} is not ours; say <!-- machine: why --> before`,
        ).toBeDefined()
        continue
      }
      const printed = await shell.run(command)
      if (output) expect(printed).toBe(output)
    }
  }
}

describe('links', () => {
  const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md']
  const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
  const all = [...pages, ...guides.map((name) => `docs/${name}`)]
  const text = (file: string) => readFileSync(join(root, file), 'utf8')
  /** As forges make them of headings. */
  const anchors = (file: string) =>
    text(file)
      .split('\n')
      .filter((line) => /^#+ /.test(line))
      .map((line) => line.replace(/^#+ /, '').toLowerCase())
      .map((line) => line.replace(/[^\p{L}\p{N} _-]/gu, '').replace(/ /g, '-'))

  it.each(all)('of %s lead somewhere', (file) => {
    const dead = Array.from(text(file).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target as string)
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#')
        const page = path === '' ? file : join(dirname(file), path)
        if (!existsSync(join(root, page))) return true
        return anchor !== undefined && !anchors(page).includes(anchor)
      })
    expect(dead).toEqual([])
  })

  it('reach every guide from README', () => {
    expect(guides.filter((name) => !text('README.md').includes(`(docs/${name})`))).toEqual([])
  })
})

describe('code blocks', () => {
  it('are of a language that is run here, or say why they are not run', () => {
    const known = ['js', 'ts', 'ini', ...SHELLS, ...DATA]
    expect(run.filter(({ language }) => !known.includes(language)).map(at)).toEqual([])
    expect(code.filter(({ notRun }) => notRun === '').map(at)).toEqual([])
    console.log(
      `${run.length} code blocks run, ${code.length - run.length} not, ${blocks.length - code.length} are text`,
    )
    for (const block of code) if (block.notRun) console.log(`  not run: ${at(block)}: ${block.notRun}`)
  })

  it('have no errors of types', () => {
    expect(compile()).toBe('')
  })

  it.each(run.filter(isModule).map((block) => [at(block), block] as const))('%s runs', async (_, block) => {
    const [first] = sceneOf(block)
    const kernel = new FakeKernel({ dialect: (first as CodeBlock).dialect })
    const end = runModule(block, kernel)
    if (block.ends === undefined) await end
    else await expect(end).rejects.toMatchObject({ code: block.ends })
  })

  const shells = run.filter(({ language }) => SHELLS.includes(language))
  it.each(shells.map((block) => [at(block), block] as const))('%s runs', async (_, block) => {
    const typed = typedLines(block).map(({ command }) => command)
    execFileSync('sh', ['-n'], { input: typed.join('\n') })
    await runShell(block)
  })

  const data = run.filter(({ language }) => DATA.includes(language))
  it.each(data.map((block) => [at(block), block] as const))('%s can be read', async (_, block) => {
    const value = block.language === 'json' ? JSON.parse(block.code) : parseYaml(block.code)
    // A desired state is one that can be.
    if (value.services) {
      const ipvs = await open({ transport: new FakeKernel({ dialect: block.dialect }).transport() })
      await plan(ipvs, value)
      await ipvs.close()
    }
  })

  const units = run.filter(({ language }) => language === 'ini')
  const left = hasSystemd ? '' : ' (skipped: no systemd-analyze here)'
  it.skipIf(!hasSystemd).each(units.map((block) => [at(block), block] as const))(
    `%s is a unit of systemd${left}`,
    (_, block) => {
      expect(unitFaults(block.code)).toBe('')
    },
  )
})
