// SVG as text, and the one style of all plots: it follows the reader's light or dark mode.

const escaped = (text) =>
  String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

const shown = (value) => (typeof value === 'number' ? Math.round(value * 100) / 100 : escaped(value))

/** An element; `inner` is SVG. */
export function element(name, attributes, inner) {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${shown(value)}"`)
  return inner === undefined ? `<${name}${pairs.join('')}/>` : `<${name}${pairs.join('')}>${inner}</${name}>`
}

export const text = (x, y, words, attributes = {}) => element('text', { x, y, ...attributes }, escaped(words))

export const line = (x1, y1, x2, y2, attributes) => element('line', { x1, y1, x2, y2, ...attributes })

// What a series is has a colour; it is also told apart by its mark or its label. No custom properties: not every program
// that shows SVG knows them.
const colours = {
  light: { floor: '#6e7781', ours: '#0969da', peer: '#bc4c00' },
  dark: { floor: '#9198a1', ours: '#58a6ff', peer: '#f0883e' },
}
const colourRules = (mode) =>
  Object.entries(colours[mode])
    .map(([kind, colour]) => `.${kind}.fill { fill: ${colour} } .${kind}.stroke { stroke: ${colour} }`)
    .join('\n  ')

const style = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .strong { font-weight: 600 }
  .faint { fill: #59636e }
  .page { fill: #ffffff }
  .grid { stroke: #e1e5ea }
  .axis { stroke: #8c959f }
  .stroke { fill: none; stroke-width: 2 }
  ${colourRules('light')}
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .faint { fill: #9198a1 }
    .page { fill: #0d1117 }
    .grid { stroke: #262c34 }
    .axis { stroke: #6e7681 }
    ${colourRules('dark')}
  }
`

/** A whole picture with its title; `inner` is drawn over the page. */
export function picture({ width, height, title, subtitle }, inner) {
  const head = [
    element('title', {}, escaped(title)),
    element('style', {}, style),
    element('rect', { width, height, rx: 6, class: 'page' }),
    text(20, 30, title, { class: 'title' }),
    text(20, 50, subtitle, { class: 'faint' }),
  ]
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height }
  return `${element('svg', { ...attributes, role: 'img' }, `\n${[...head, ...inner].join('\n')}\n`)}\n`
}

const marks = {
  circle: (x, y, kind) => element('circle', { cx: x, cy: y, r: 4, class: `${kind} fill` }),
  square: (x, y, kind) => element('rect', { x: x - 4, y: y - 4, width: 8, height: 8, class: `${kind} fill` }),
  triangle: (x, y, kind) =>
    element('path', { d: `M${shown(x)} ${shown(y - 5)}l5 9h-10z`, class: `${kind} fill` }),
}
const markOf = { ours: 'circle', floor: 'square', peer: 'triangle' }

/** The mark of a point of a series of that kind ('floor', 'ours' or 'peer'). */
export const mark = (x, y, kind) => marks[markOf[kind]](x, y, kind)
