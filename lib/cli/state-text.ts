/** A desired state as text: JSON, or YAML where the package `yaml` is there. */

import { IpvsTextError } from '../formats/text/problems'
import { MOST_TEXT, readText } from '../formats/text/read-text'
import { SourceText } from '../formats/text/source-text'
import type { DesiredState } from '../model/desired-state'
import { CliError, EXIT } from './errors'
import type { InputText } from './read-input'

interface Yaml {
  parse(text: string, options: { readonly merge: boolean }): unknown
}

function loadYaml(name: string): Yaml {
  try {
    return require('yaml') as Yaml
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    throw new CliError(
      `${name} is YAML, and the package yaml is not installed`,
      'npm install yaml (yaml@1 below Node 14.6), or give the state as JSON.',
    )
  }
}

const wrong = (name: string, format: string, why: string) =>
  new CliError(`${name} is no ${format}: ${why}`, undefined, EXIT.usage)

/** What it says, with the place where V8 tells it. */
function parseJson({ text, file = '' }: SourceText): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const { message } = error as Error
    const offset = / at position (\d+)/.exec(message)?.[1]
    const atEnd = /end of JSON input/.test(message)
    if (offset === undefined && !atEnd) throw wrong(file, 'JSON', message)
    const span = new SourceText(text, file).span(atEnd ? text.length : Number(offset), 1)
    const description = message.replace(/ (?:in JSON )?at position .*/, '')
    throw new IpvsTextError('error', { code: 'not-json', description }, span)
  }
}

function parseYaml({ text, file = '' }: SourceText): unknown {
  const yaml = loadYaml(file)
  try {
    // What has anchors mostly has merge keys, too.
    return yaml.parse(text, { merge: true })
  } catch (error) {
    throw wrong(file, 'YAML', (error as Error).message)
  }
}

/** JSON begins with a brace, whatever the file is called; a YAML mapping that does so is mostly JSON, too. */
const isJson = (text: string, name: string): boolean => !/\.ya?ml$/i.test(name) && /^\s*(?:[{[]|$)/.test(text)

/** The plain data of a text. Whether it is a state, plan() says. */
export function parseStateText({ name, bytes }: InputText): DesiredState {
  const source = readText(bytes, name, MOST_TEXT)
  const value = isJson(source.text, name) ? parseJson(source) : parseYaml(source)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as DesiredState
  throw wrong(name, 'desired state', 'it must be an object with services, pools, timeouts or daemons')
}

/** The plain data of what `save` wrote. Whether it is a saved state, parseSavedState() says. */
export const parseSavedText = ({ name, bytes }: InputText): unknown =>
  parseJson(readText(bytes, name, MOST_TEXT))
