import type { IpvsadmCommand, ParseRulesOptions, RulesDialect } from '../../../lib/formats'
import { parseCommand, parseRules } from '../../../lib/formats'

export const DIALECTS: readonly RulesDialect[] = ['mainline', 'alibaba-v2', 'alibaba-v3', 'dpvs']

export const codesOf = (problems: readonly { readonly code: string }[]) => problems.map(({ code }) => code)

/** Without positions. */
export function said(command: IpvsadmCommand | undefined): object | undefined {
  if (!command) return undefined
  const { span: _, ...rest } = command
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
}

export const words = (line: string) => line.split(' ').filter(Boolean)

export const typed = (line: string, dialect: RulesDialect, more: Partial<ParseRulesOptions> = {}) =>
  parseCommand(words(line), { dialect, ...more })

/** What is wrong with a line: `code line:column`. */
export function complaintsAbout(text: string, dialect: RulesDialect, more: Partial<ParseRulesOptions> = {}) {
  const { errors, warnings } = parseRules(text, { dialect, ...more })
  const shown = (list: typeof errors) => list.map(({ code, line, column }) => `${code} ${line}:${column}`)
  return { errors: shown(errors), warnings: shown(warnings) }
}
