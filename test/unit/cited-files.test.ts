/** A comment that names a file of this project, or a function in one, sends nobody to where nothing is. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const FOLDERS = ['docs', 'examples', 'lib', 'native', 'scripts', 'test']
const paths = [
  ...readdirSync(root).filter((name) => /\.(md|json|gyp)$/.test(name)),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
  ),
]
const textOf = (path: string) => readFileSync(`${root}${path}`, 'utf8')

/** What is said in a file, not done. */
function* remarks(path: string): Iterable<string> {
  for (const line of textOf(path).split('\n')) {
    if (path.endsWith('.md')) yield line
    else yield /(?:^\s*(?:\/?\*|\/\/)|\s\/\/|\/\*\*).*/.exec(line)?.[0] ?? ''
  }
}

/** TypeScript and scripts by any part of their path; C and C++ by the whole, as kernels have files of that kind, too. */
const CITED =
  /(?<![\w./@$-])((?:[\w-]+\/)*\w[\w.-]*\.(?:ts|mjs|cjs)|(?:native|test)\/[\w./-]+\.(?:cc|h|c)|docs\/[\w./-]+\.md)\b(?::([a-z_]\w*))?/g

const citations = paths
  .filter((path) => /^(?:[^/]+|.*\.(?:ts|mjs|cjs|cc|h|c|md))$/.test(path) && /\.\w+$/.test(path))
  .flatMap((path) =>
    [...remarks(path)].flatMap((remark) =>
      [...remark.matchAll(CITED)].map(([text, file, name]) => ({ path, text, file, name })),
    ),
  )

it('every file of the project that a comment names is there, with the function that it names', () => {
  const wrong = citations.filter(({ file, name }) => {
    const meant = paths.filter((path) => path === file || path.endsWith(`/${file}`))
    return !meant.some((path) => name === undefined || new RegExp(`\\b${name}\\b`).test(textOf(path)))
  })
  expect(wrong).toEqual([])
  expect(citations.length).toBeGreaterThan(50)
  expect(citations.filter(({ name }) => name !== undefined).length).toBeGreaterThanOrEqual(3)
})
