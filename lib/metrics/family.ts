/** Metric families and their samples, before anybody knows in which form they go out. */

export type FamilyType = 'counter' | 'gauge' | 'histogram'

export interface FamilyDefinition {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  /** What its numbers are about: processes that look at the same kernel see the same ones of a kernel. */
  readonly about: 'kernel' | 'client'
}

export type Value = bigint | number

export interface Sample {
  /** `'_bucket'` for instance: what stands behind the name of the family. */
  readonly suffix: '' | '_bucket' | '_sum' | '_count'
  readonly labelNames: readonly string[]
  /** In the order of the names. */
  readonly labelValues: readonly string[]
  /** `{a="1",b="2"}`, or nothing where there is no label. */
  readonly labelsText: string
  readonly value: Value
}

export interface Samples extends Iterable<Sample> {
  readonly length: number
}

export interface Family extends FamilyDefinition {
  /** No two with the same suffix and labels. */
  readonly samples: Samples
}

const LABEL_ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

/** Prometheus' text format 0.0.4: backslash, quote and line feed of a label's value are escaped. */
const escapeLabel = (text: string): string =>
  text.replace(/[\\"\n]/g, (char) => LABEL_ESCAPES[char] as string)

/** Different labels give different texts, equal ones the same. */
export function formatLabels(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return ''
  return `{${names.map((name, i) => `${name}="${escapeLabel(values[i] as string)}"`).join(',')}}`
}

export function sample(
  labels: Readonly<Record<string, string>>,
  value: Value,
  suffix: Sample['suffix'] = '',
): Sample {
  const labelNames = Object.keys(labels)
  const labelValues = labelNames.map((name) => labels[name] as string)
  return { suffix, labelNames, labelValues, labelsText: formatLabels(labelNames, labelValues), value }
}
