import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, it } from 'vitest'

/** CONTRIBUTING's table, top first: the folders, and what each may import. */
const rows = [
  ...readFileSync('CONTRIBUTING.md', 'utf8').matchAll(/^\| `(lib(?:\/[a-z-]+)?)` \|[^|]*\| ([^|]*) \|$/gm),
].map(([, folder, allowed]) => ({
  folder: folder as string,
  allowed: (allowed as string).split(', ').filter((name) => name !== '–'),
}))
const order = rows.map(({ folder }) => folder)
const folderOf = (path: string) =>
  path
    .split('/')
    .slice(0, path.split('/').length > 2 ? 2 : 1)
    .join('/')

const paths = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join('lib', name))
const imports = paths.flatMap((path) => {
  const found = readFileSync(path, 'utf8').matchAll(/\bfrom '([^']+)'|\b(?:require|import)\('([^']+)'\)/g)
  return [...found].map(([, from, called]) => ({ path, name: (from ?? called) as string }))
})

it("every folder of lib/ stands in CONTRIBUTING's table, and the table allows nothing upward", () => {
  const folders = [...new Set(paths.map(folderOf))]
  expect(folders.sort()).toEqual([...order].sort())
  for (const { folder, allowed } of rows) {
    for (const name of allowed) expect(order.indexOf(`lib/${name}`)).toBeGreaterThan(order.indexOf(folder))
  }
})

it('nothing imports what the table does not allow', () => {
  const wrong = imports.filter(({ path, name }) => {
    if (!name.startsWith('.')) return false
    const from = folderOf(path)
    const to = folderOf(normalize(join(dirname(path), name, 'x')))
    return (
      from !== to && !rows.find(({ folder }) => folder === from)?.allowed.includes(to.slice('lib/'.length))
    )
  })
  expect(wrong).toEqual([])
})

it('only lib/host touches the machine', () => {
  const machine = ['fs', 'child_process', 'node-gyp-build', 'os', 'net']
  const wrong = imports.filter(({ path, name }) => machine.includes(name) && folderOf(path) !== 'lib/host')
  expect(wrong).toEqual([])
})
