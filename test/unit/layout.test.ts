import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as layout from '../../lib/border/layout.gen'
// @ts-expect-error: a script without types
import { layoutSource, target } from '../../scripts/gen-layout.mjs'

const built = fileURLToPath(new URL('../../build/Release/ipvs_fullnat.node', import.meta.url))

/** [group, name, value, size of the field] */
type Row = [string, string, number, number]

function addon(): { layout(): Row[]; layoutHash: number } {
  if (!existsSync(built)) throw new Error(`the addon is not built (npm run build:native): no ${built}`)
  return createRequire(import.meta.url)(built)
}

describe('layout.gen.ts', () => {
  it('is what the built addon exports', () => {
    expect(readFileSync(target, 'utf8'), 'run npm run build').toBe(layoutSource(addon()))
    expect(layout.LAYOUT_HASH).toBe(addon().layoutHash)
  })

  it('has fields that lie in their record and do not overlap', () => {
    const groups = new Map<string, Row[]>()
    for (const row of addon().layout()) groups.set(row[0], [...(groups.get(row[0]) ?? []), row])
    let records = 0
    for (const rows of groups.values()) {
      const total = rows.find(([, name, , size]) => name === '' && size === 0)?.[2]
      if (total === undefined) continue
      records++
      const fields = rows.filter(([, name]) => name !== '').sort((one, other) => one[2] - other[2])
      let end = 0
      for (const [group, name, offset, size] of fields) {
        expect(offset, `${group}.${name}`).toBeGreaterThanOrEqual(end)
        expect(offset % Math.min(size, 8), `${group}.${name} is not aligned`).toBe(0)
        end = offset + size
      }
      expect(end).toBeLessThanOrEqual(total)
      expect(total % 8).toBe(0)
    }
    expect(records).toBeGreaterThanOrEqual(11)
  })
})
