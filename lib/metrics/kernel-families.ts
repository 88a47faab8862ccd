/** Totals, extended statistics, and what kernel it is. */

import type { Dialect } from '../model/call-types'
import type { ExtendedStatistics, TrafficStatistics } from '../model/observed'
import type { InPieces } from '../model/turn'
import { Pieces } from '../model/turn'
import type { Info } from '../model/types'
import { CONNECTION_TABLE_SIZE, extendedFamily, INFO } from './definitions'
import type { Family, FamilyDefinition } from './family'
import { sample } from './family'
import { SummedRows } from './summed-rows'
import { trafficValues } from './table-families'

/** `definitions`: ours, or those of node_exporter. */
export function totalFamilies(
  { total }: TrafficStatistics,
  definitions: readonly FamilyDefinition[],
): Family[] {
  const values = trafficValues(total)
  return definitions.map((definition, i) => ({ ...definition, samples: [sample({}, values[i] as bigint)] }))
}

/** A kernel that nobody has seen yet may call a row what it likes. */
const familyName = (row: string): string => row.replace(/[^a-zA-Z0-9_]/g, '_')

/** Rows that come to the same name are one family. */
export function* extendedFamilies(
  { cpus, counters }: ExtendedStatistics,
  labelNames: readonly string[],
): InPieces<Family[]> {
  const families = new Map<string, SummedRows>()
  const pieces = new Pieces()
  for (const { name, perCpu, meaning } of counters) {
    const definition = extendedFamily(familyName(name), meaning)
    const rows = families.get(definition.name) ?? new SummedRows([definition], labelNames)
    families.set(definition.name, rows)
    perCpu.forEach((value, i) => {
      rows.add(labelNames.length === 0 ? [] : [String(cpus[i])], [value])
    })
    if (pieces.isDue(perCpu.length)) yield
  }
  return ([] as Family[]).concat(...Array.from(families.values(), (rows) => rows.toFamilies()))
}

export function infoFamilies({ version, connectionTableSize }: Info, dialect: Dialect): Family[] {
  return [
    { ...INFO, samples: [sample({ dialect, version }, 1)] },
    { ...CONNECTION_TABLE_SIZE, samples: [sample({}, connectionTableSize)] },
  ]
}
