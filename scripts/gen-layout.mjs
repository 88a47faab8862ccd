// Writes everything that follows from native/abi/records.h, the one place where a field of the border is declared.
//
//   node scripts/gen-layout.mjs           write
//   node scripts/gen-layout.mjs --check   fail when a file differs
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cppLayout } from './layout/cpp.mjs'
import { parseRecords } from './layout/parse.mjs'
import { recordCode, recordTypes, tsLayout } from './layout/typescript.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCE = 'native/abi/records.h'

/** Path → text of every generated file; `source` is the text of records.h. */
export function generate(source = readFileSync(`${root}${SOURCE}`, 'utf8')) {
  const records = parseRecords(source)
  return {
    'native/abi/layout.gen.h': cppLayout(records),
    'lib/border/layout.gen.ts': tsLayout(records),
    'lib/model/records.gen.ts': recordTypes(records),
    'lib/border/records.gen.ts': recordCode(records),
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const check = process.argv.includes('--check')
  for (const [path, text] of Object.entries(generate())) {
    let present
    try {
      present = readFileSync(`${root}${path}`, 'utf8')
    } catch {}
    if (present === text) continue
    if (!check) writeFileSync(`${root}${path}`, text)
    else {
      console.error(`${path} is not what ${SOURCE} says: run npm run build:ts`)
      process.exitCode = 1
    }
  }
}
