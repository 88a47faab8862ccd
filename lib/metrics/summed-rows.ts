/**
 * Samples of several families with the same labels. What has the same labels is one row, and is summed: two samples that
 * Prometheus could not tell apart cannot come out of this, whatever a kernel holds.
 */

import type { Family, FamilyDefinition, Sample, Samples, Value } from './family'
import { formatLabels } from './family'

interface Row {
  readonly labelValues: readonly string[]
  readonly labelsText: string
  /** In the order of the families. */
  readonly values: Value[]
}

function sum(one: Value, other: Value): Value {
  return typeof one === 'bigint' && typeof other === 'bigint' ? one + other : Number(one) + Number(other)
}

/** One column of the rows. Samples are made when they are looked at: together they would be the largest part of a scrape. */
class RowSamples implements Samples {
  constructor(
    private readonly labelNames: readonly string[],
    private readonly rows: readonly Row[],
    private readonly column: number,
  ) {}

  get length(): number {
    return this.rows.length
  }

  *[Symbol.iterator](): Iterator<Sample> {
    const { labelNames, column } = this
    for (const { labelValues, labelsText, values } of this.rows) {
      yield { suffix: '', labelNames, labelValues, labelsText, value: values[column] as Value }
    }
  }
}

export class SummedRows {
  private readonly rows = new Map<string, Row>()

  constructor(
    private readonly families: readonly FamilyDefinition[],
    private readonly labelNames: readonly string[],
  ) {}

  /** `labelValues` in the order of the names, `values` in that of the families; both are kept. */
  add(labelValues: readonly string[], values: Value[]): void {
    const labelsText = formatLabels(this.labelNames, labelValues)
    const row = this.rows.get(labelsText)
    if (!row) {
      this.rows.set(labelsText, { labelValues, labelsText, values })
      return
    }
    values.forEach((value, i) => {
      row.values[i] = sum(row.values[i] as Value, value)
    })
  }

  /** The rows in the order in which they came. */
  toFamilies(): Family[] {
    const rows = Array.from(this.rows.values())
    return this.families.map((definition, i) => ({
      ...definition,
      samples: new RowSamples(this.labelNames, rows, i),
    }))
  }
}
