// docs/metrics.md says what is exported: its tables are held against what comes out.

import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { collect, type FamilyGroup } from '../../../lib/metrics'
import { FAMILY_GROUPS } from '../../../lib/metrics/options'
import { parseExposition } from './exposition-parser'
import { destination, entry, extendedOf, service, sourceOf } from './sources'

const guide = readFileSync('docs/metrics.md', 'utf8')
const SERVICE = ['protocol', 'address', 'port', 'fwmark', 'family', 'name']

const documented = [
  ...guide.matchAll(/^\| `((?:node_)?ipvs_[a-z_<>]+)` \| (\w+) \| ([^|]*) \|(?: `(\w+)` \|)?$/gm),
].map(([, name, type, labels, group]) => ({
  name: name as string,
  type: type as string,
  labels: [
    ...((labels as string).includes('*service*') ? SERVICE : []),
    ...[...(labels as string).matchAll(/`(\w+)`/g)].map(([, label]) => label as string),
  ],
  group: group as FamilyGroup | undefined,
}))

/** Every family has a sample: there is something of everything, and something fails. */
const everything = () =>
  sourceOf({
    services: [
      entry(
        service({ protocol: 'tcp', address: '192.0.2.1', port: 80 }),
        [destination('10.0.0.1', 80)],
        [{ address: '10.1.0.1', connections: 1, portConflicts: BigInt(1) }],
      ),
    ],
    extendedStats: async () => extendedOf([0], { conn_exceeded: [BigInt(1)] }),
  })
const failing = () => sourceOf({ info: () => Promise.reject(new Error('no')) })

const reconciler = {
  activity: () => ({
    generation: { wanted: 2, reached: 1 },
    settled: false,
    failures: 1,
    rounds: { state: 2 },
    steps: { done: 3 },
    drift: 1,
    errors: { ERR_IPVS_INCOMPLETE: 1 },
    draining: 0,
    reports: 0,
  }),
}

const shown = (text: string) =>
  [...parseExposition(text)].map(([name, { type, samples }]) => ({
    name: name.replace('conn_exceeded', '<row>'),
    type,
    labels: Object.keys(samples[0]?.labels ?? {}).filter((label) => label !== 'le'),
  }))

it('names every family that comes out, in its order, with its type and its labels', async () => {
  const text = await collect(everything(), { name: () => 'web', reconciler })
  const errors = await collect(failing(), { families: ['scrape'] })
  const ours = [...shown(text), ...shown(errors).filter(({ name }) => name === 'ipvs_scrape_error')]
  const rows = documented.filter(({ group }) => group !== undefined)
  expect(rows.map(({ name, type, labels }) => ({ name, type, labels }))).toEqual(ours)
})

it('names those of node_exporter, and no others', async () => {
  const text = await collect(everything(), { compat: 'node_exporter', families: [] })
  const rows = documented.filter(({ group }) => group === undefined)
  expect(rows).toHaveLength(8)
  expect(rows.map(({ name, type, labels }) => ({ name, type, labels }))).toEqual(shown(text))
})

it('has each family in its group', async () => {
  for (const group of Object.keys(FAMILY_GROUPS) as FamilyGroup[]) {
    const options = { families: [group], name: () => 'web', reconciler }
    const texts = [await collect(everything(), options), await collect(failing(), options)]
    const names = new Set(texts.flatMap((text) => shown(text).map(({ name }) => name)))
    expect([...names]).toEqual(documented.filter((row) => row.group === group).map(({ name }) => name))
  }
})
