/** Blocks of TypeScript and JavaScript as modules, with the lines that they have in their files. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
// @ts-expect-error: a script without types
import { buildTypeScript } from '../../../scripts/build-ts.mjs'
import type { CodeBlock, Piece } from './code-blocks'
import { root } from './code-blocks'

const folder = join(root, 'build/docs-code')

const nameOf = ({ file, line }: CodeBlock): string => `${file.replace(/\W/g, '_')}_${line}`
export const moduleOf = (block: CodeBlock): string => join(folder, `${nameOf(block)}.ts`)

/** Each piece stands at its line. A piece that begins behind its line goes on there. */
function atTheirLines(pieces: readonly Piece[]): string {
  let text = ''
  for (const { line, code } of pieces) {
    const missing = line - text.split('\n').length
    text += `${'\n'.repeat(Math.max(0, missing))}${code}`
  }
  return text
}

/** What is there without being declared: `ipvs`, `kernel`, `web`, and `assert` for checks. */
const SCENE = `import type { Ipvs } from 'ipvs-fullnat'
import type { FakeKernel } from 'ipvs-fullnat/testing'
import type * as nodeAssert from 'node:assert/strict'

declare global {
  const ipvs: Ipvs
  const kernel: FakeKernel
  const web: { readonly protocol: 'tcp'; readonly address: string; readonly port: number }
  const assert: typeof nodeAssert
}
`

const CONFIG = {
  extends: '../../test/tsconfig.json',
  compilerOptions: {
    types: ['node'],
    rootDir: '../..',
    allowJs: true,
    checkJs: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    skipLibCheck: true,
    paths: {
      'ipvs-fullnat': ['../../dist/index.d.ts'],
      'ipvs-fullnat/*': ['../../dist/*/index.d.ts'],
    },
  },
  include: ['*.ts', '*.js'],
}

/** With what is around it, as a module. */
function moduleText(blocks: readonly CodeBlock[]): string {
  const pieces = blocks.flatMap(({ setup, line, code, check, language }) => [
    ...(setup ? [setup] : []),
    ...(isModule({ language }) ? [{ line, code }] : []),
    ...(check ? [check] : []),
  ])
  return `${atTheirLines(pieces)}\nexport {}\n`
}

export const isModule = ({ language }: Pick<CodeBlock, 'language'>): boolean => /^[jt]s$/.test(language)

/** `scenes`: each is a block and those before it that it continues. Throws what the compiler says. */
export function writeModules(scenes: readonly (readonly CodeBlock[])[]): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'scene.d.ts'), SCENE)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG))
  for (const scene of scenes) {
    const block = scene[scene.length - 1] as CodeBlock
    writeFileSync(moduleOf(block), moduleText(scene))
    // As it is: types in JavaScript are an error of its own.
    if (block.language === 'js') {
      writeFileSync(
        join(folder, `${nameOf(block)}_plain.js`),
        `${atTheirLines([{ line: block.line, code: block.code }])}\nexport {}\n`,
      )
    }
  }
}

/** What the compiler says about all of them, empty when nothing. */
export function compile(): string {
  buildTypeScript()
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  try {
    execFileSync(process.execPath, [tsc, '--noEmit', '--pretty', 'false', '-p', folder], { encoding: 'utf8' })
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}
