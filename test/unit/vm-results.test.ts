/** What the host makes of the report that a guest's vitest left. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { vitestResults } from '../../scripts/vm/results.mjs'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ipvs-results-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const passed = { status: 'passed', title: 'works', ancestorTitles: ['a'], failureMessages: [] }

function report(files: readonly object[], status: string): void {
  writeFileSync(join(folder, 'vitest.json'), JSON.stringify({ testResults: files }))
  writeFileSync(join(folder, 'vitest.status'), status)
}

it('tells of a hook that failed what vitest printed: its JSON report has no word of it', () => {
  const name = '/work/project/test/vm/top.test.ts'
  report([{ name, status: 'failed', message: '', assertionResults: [passed] }], '1')
  const log = [
    '⎯⎯⎯⎯ Failed Suites 1 ⎯⎯⎯⎯\r',
    ' FAIL  test/vm/watch.test.ts > watch\r',
    'Error: another\r',
    '⎯⎯⎯⎯\r',
    ' FAIL  test/vm/top.test.ts > examples/top.mjs\r',
    'Error: not within 300 s: the devices have gone\r',
    '⎯⎯⎯⎯[1/2]⎯\r',
    'after it',
  ].join('\n')
  const { failed, failures } = vitestResults(folder, log)
  expect(failed).toBe(1)
  expect(failures).toEqual([
    {
      name: 'test/vm/top.test.ts',
      message:
        ' FAIL  test/vm/top.test.ts > examples/top.mjs\nError: not within 300 s: the devices have gone',
    },
  ])
  expect(vitestResults(folder, '').failures[0].message).toBe('no message; see the console log')
})

it('a status that no test explains is a failure', () => {
  report(
    [
      {
        name: '/work/project/test/vm/top.test.ts',
        status: 'passed',
        message: '',
        assertionResults: [passed],
      },
    ],
    '1',
  )
  expect(vitestResults(folder, '')).toMatchObject({ passed: 1, failed: 1 })
})
