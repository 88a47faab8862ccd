import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { needNodeHeaders, nodeHeaders } from '../../scripts/node-headers.mjs'

const folder = mkdtempSync(join(tmpdir(), 'ipvs-headers-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A prefix with the headers in it. */
function prefix(name: string): string {
  const headers = join(folder, name, 'include/node')
  mkdirSync(headers, { recursive: true })
  writeFileSync(join(headers, 'node_api.h'), '')
  return join(folder, name)
}
const missing = join(folder, 'config.gypi')

describe('the headers of Node', () => {
  it('are those that node-gyp was configured with, before any other', () => {
    const other = prefix('other')
    const config = join(folder, 'configured.gypi')
    writeFileSync(config, `{ "variables": { "nodedir": "${prefix('configured')}" } }`)
    expect(nodeHeaders(config, [other])).toBe(join(folder, 'configured/include/node'))
    expect(nodeHeaders(missing, [other])).toBe(join(folder, 'other/include/node'))
  })

  it('are missed with a word about what to do, whether node-gyp was configured or not', () => {
    const elsewhere = [join(folder, 'nowhere')]
    expect(nodeHeaders(missing, elsewhere)).toBeUndefined()
    expect(() => needNodeHeaders(missing, elsewhere)).toThrow('there is no node_api.h: npm run build:native')
    const config = join(folder, 'stale.gypi')
    writeFileSync(config, `{ "variables": { "nodedir": "${join(folder, 'gone')}" } }`)
    expect(() => needNodeHeaders(config, elsewhere)).toThrow('npm run build:native')
  })
})
