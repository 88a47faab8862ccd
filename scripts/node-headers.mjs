// Where node_api.h is: where node-gyp was configured to find it, or beside this Node, or where systems have it.
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Undefined where there is none: `npm run build:native` fetches it. */
export function nodeHeaders() {
  const configured = fileURLToPath(new URL('../build/config.gypi', import.meta.url))
  const nodedir = existsSync(configured)
    ? /"nodedir": "([^"]+)"/.exec(readFileSync(configured, 'utf8'))?.[1]
    : undefined
  return [nodedir, dirname(dirname(process.execPath)), '/usr', '/usr/local']
    .map((folder) => `${folder}/include/node`)
    .find((folder) => existsSync(`${folder}/node_api.h`))
}
