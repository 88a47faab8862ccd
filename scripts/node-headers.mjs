// Where node_api.h is.
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const built = fileURLToPath(new URL('../build/config.gypi', import.meta.url))

/** The folder of the headers that node-gyp was configured with, or of this Node's; undefined where there are none. */
export function nodeHeaders(
  config = built,
  prefixes = [dirname(dirname(process.execPath)), '/usr', '/usr/local'],
) {
  const nodedir = existsSync(config)
    ? /"nodedir": "([^"]+)"/.exec(readFileSync(config, 'utf8'))?.[1]
    : undefined
  return [...(nodedir ? [nodedir] : []), ...prefixes]
    .map((folder) => `${folder}/include/node`)
    .find((folder) => existsSync(`${folder}/node_api.h`))
}

/** The same, or an error that says what to do. */
export function needNodeHeaders(...args) {
  const folder = nodeHeaders(...args)
  if (!folder) throw new Error('there is no node_api.h: npm run build:native fetches the headers')
  return folder
}
