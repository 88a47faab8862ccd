// Reads the text format as Prometheus does, strictly: what it would not take, and what it takes in silence though it is wrong,
// throws.

export interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** As it stands there. */
  readonly value: string
}

export interface ParsedFamily {
  readonly type: string
  readonly help: string
  readonly samples: ParsedSample[]
}

const UNESCAPED: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }
const LINE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/
const VALUE = /^(?:[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf)|NaN)$/

const unescaped = (text: string) => text.replace(/\\[\\"n]/g, (escaped) => UNESCAPED[escaped] as string)

function parseSample(line: string): ParsedSample {
  const match = LINE.exec(line)
  if (!match) throw new Error(`no sample: ${line}`)
  const [, name, labelText = '', value] = match as unknown as [string, string, string | undefined, string]
  if (!VALUE.test(value)) throw new Error(`no value: ${line}`)
  const labels: Record<string, string> = {}
  for (const [, label, text] of labelText.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    if ((label as string) in labels) throw new Error(`label ${label} twice: ${line}`)
    labels[label as string] = unescaped(text as string)
  }
  return { name, labels, value }
}

const suffixes = (type: string) => (type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''])

export function parseExposition(text: string): Map<string, ParsedFamily> {
  const families = new Map<string, ParsedFamily>()
  if (text === '') return families
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const seen = new Set<string>()
  const lines = text.slice(0, -1).split('\n')
  let current: [string, ParsedFamily] | undefined
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string
    const help = /^# HELP (\S+) (.+)$/.exec(line)
    if (help) {
      const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(lines[++i] ?? '')
      if (!type || type[1] !== help[1]) throw new Error(`no type behind: ${line}`)
      if (families.has(type[1] as string)) throw new Error(`family twice: ${line}`)
      const family = { type: type[2] as string, help: help[2] as string, samples: [] }
      current = [type[1] as string, family]
      families.set(...current)
      continue
    }
    const sample = parseSample(line)
    if (!current || !suffixes(current[1].type).some((suffix) => sample.name === `${current?.[0]}${suffix}`)) {
      throw new Error(`sample of no family: ${line}`)
    }
    // An empty label is an absent one.
    const own = Object.entries(sample.labels).filter(([, value]) => value !== '')
    const identity = JSON.stringify([sample.name, own.sort()])
    if (seen.has(identity)) throw new Error(`sample twice: ${line}`)
    seen.add(identity)
    current[1].samples.push(sample)
  }
  for (const [name, { samples }] of families)
    if (samples.length === 0) throw new Error(`${name} has no sample`)
  return families
}

/** `labels → value` of a family, labels as JSON of those that are not empty. */
export function valuesOf(text: string, family: string): Record<string, string> {
  const samples = parseExposition(text).get(family)?.samples ?? []
  return Object.fromEntries(
    samples.map(({ labels, value }) => [
      Object.keys(labels)
        .filter((name) => labels[name] !== '')
        .map((name) => `${name}=${labels[name]}`)
        .join(' '),
      value,
    ]),
  )
}
