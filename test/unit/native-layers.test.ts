/** The rows of CONTRIBUTING's table that begin with `native/` are the rule; the #include lines of native/ keep it. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8')

/** Folder to what it may include, from the top layer to the bottom one. */
const layers = new Map(
  [...read('CONTRIBUTING.md').matchAll(/^\| `native\/(\w+)` \|.*\| ([^|]+) \|$/gm)].map(
    ([, folder, below]) => [folder as string, (below as string).match(/\w+/g) ?? []] as const,
  ),
)
const files = readdirSync(`${root}native`, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(cc|h)$/.test(path))
  .map((path) => ({ path, folder: path.split('/')[0] as string, code: read(`native/${path}`) }))

/** `path: found` for each match in a file outside of `folder`. */
const outside = (folder: string, pattern: RegExp) =>
  files
    .filter((file) => file.folder !== folder)
    .flatMap(({ path, code }) => [...code.matchAll(pattern)].map(([found]) => `${path}: ${found.trim()}`))

describe('the layers of native/', () => {
  it('are all in the table of CONTRIBUTING.md, each above what it may include', () => {
    expect([...layers.keys()].sort()).toEqual([...new Set(files.map(({ folder }) => folder))].sort())
    const order = [...layers.keys()]
    for (const [folder, below] of layers) {
      for (const one of below)
        expect(order.indexOf(one), `${folder} on ${one}`).toBeGreaterThan(order.indexOf(folder))
    }
  })

  it('include what stands in their row, and nothing by another path', () => {
    const upward = files.flatMap(({ path, folder, code }) =>
      [...code.matchAll(/^\s*#\s*include\s*"([^"]*)"/gm)]
        .map(([, included]) => included as string)
        .filter(
          (included) =>
            ![folder, ...(layers.get(folder) ?? [])].some((one) => included.startsWith(`${one}/`)),
        )
        .map((included) => `${path} includes ${included}`),
    )
    expect(upward).toEqual([])
  })

  it("include Node's headers in addon/ alone, and make system calls in sys/ alone", () => {
    expect(outside('addon', /^\s*#\s*include\s*[<"](napi|node_api|node|uv|v8)[./h].*$/gm)).toEqual([])
    // <sys/socket.h>, <netinet/in.h> and <arpa/inet.h> have the numbers and byte orders as well; a call is `::name(`.
    expect(
      outside('sys', /^\s*#\s*include\s*<(unistd|fcntl|poll|sched|dirent|sys\/(?!socket)\w+)\.h>.*$/gm),
    ).toEqual([])
    expect(outside('sys', /(?<!\w)::[a-z]\w*\(/g)).toEqual([])
    expect(
      files.filter(({ folder, code }) => folder === 'sys' && /(?<!\w)::recvmmsg\(/.test(code)),
    ).toHaveLength(1)
  })
})
