/** The files that an `include` of keepalived means, relative to the folder of the file it stands in. */

import { dirname, isAbsolute, join } from 'path'
import type { IncludedFile, IncludeResolver } from '../formats/keepalived/includes'
import { isFile, listFolder, readFileBytes } from '../host/text-files'

/** `{a,b}` → a and b, the first one first (lib/parser.c:glob with GLOB_BRACE). */
function expandBraces(path: string): string[] {
  const match = /^([^{]*)\{([^{}]*)\}(.*)$/.exec(path)
  if (!match) return [path]
  const [, before, inner, after] = match as unknown as [string, string, string, string]
  const found: string[] = []
  for (const one of inner.split(',')) found.push(...expandBraces(`${before}${one}${after}`))
  return found
}

/** `*`, `?`, `[…]` of one part of a path (glob(7)); a dot at the start is named, or not found. */
function patternOf(part: string): RegExp | undefined {
  if (!/[*?[]/.test(part)) return undefined
  let source = ''
  for (let i = 0; i < part.length; i++) {
    const end = part[i] === '[' ? part.indexOf(']', i + 2) : -1
    if (end > 0) {
      const set = part
        .slice(i + 1, end)
        .replace(/[\\^]/g, '\\$&')
        .replace(/^!/, '^')
      source += `[${set}]`
      i = end
    } else if (part[i] === '*') source += '[^/]*'
    else if (part[i] === '?') source += '[^/]'
    else source += (part[i] as string).replace(/[.+^${}()|[\]\\]/g, '\\$&')
  }
  return new RegExp(`^${part[0] === '.' ? '' : '(?!\\.)'}${source}$`)
}

function matching(path: string): string[] {
  let found = [isAbsolute(path) ? '/' : '.']
  for (const part of path.split('/').filter(Boolean)) {
    const pattern = patternOf(part)
    const next: string[] = []
    for (const folder of found) {
      if (!pattern) next.push(join(folder, part))
      else for (const name of listFolder(folder)) if (pattern.test(name)) next.push(join(folder, name))
    }
    found = next
  }
  return found.filter(isFile)
}

export const includeFiles: IncludeResolver = ({ path, from }) => {
  const files: IncludedFile[] = []
  for (const one of expandBraces(path)) {
    const whole = isAbsolute(one) ? one : join(dirname(from ?? '.'), one)
    for (const file of matching(whole)) files.push({ file, text: readFileBytes(file) })
  }
  return files
}
