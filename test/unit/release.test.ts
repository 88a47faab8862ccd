import { describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { faultsOf, readChangelog } from '../../scripts/release.mjs'

const CHANGELOG =
  '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2030-01-02\n\n### Added\n\n- x\n\n## [1.2.2] - 2029-01-01\n'
const READY = {
  version: '1.2.3',
  versionFile: '1.2.3',
  lockVersion: '1.2.3',
  changelog: CHANGELOG,
  unset: [],
  prebuilds: [],
  dirty: '',
  tag: undefined,
  tags: ['v1.2.2'],
}

describe('a release', () => {
  it('has nothing against it when all agree', () => {
    expect(faultsOf(READY)).toEqual([])
    expect(faultsOf({ ...READY, tag: 'v1.2.3', tags: ['v1.2.3'] })).toEqual([])
  })

  it.each<[string, object, RegExp]>([
    ['the version in the code', { versionFile: '1.2.2' }, /version\.ts has 1\.2\.2/],
    ['the lock file', { lockVersion: '1.2.2' }, /package-lock\.json has/],
    [
      'the changelog',
      { changelog: CHANGELOG.replace('1.2.3', '1.2.4') },
      /newest version of CHANGELOG\.md is 1\.2\.4/,
    ],
    ['its date', { changelog: CHANGELOG.replace(' - 2030-01-02', '') }, /no date/],
    [
      'what is unreleased',
      { changelog: CHANGELOG.replace('[Unreleased]\n', '[Unreleased]\n\n- y\n') },
      /under Unreleased/,
    ],
    ['the address of the project', { unset: ['bugs'] }, /where the project lives: bugs/],
    ['a prebuild', { prebuilds: ['there is no prebuilds/x'] }, /there is no/],
    ['what is not committed', { dirty: ' M lib/index.ts' }, /not committed/],
    ['another tag', { tag: 'v1.2.4' }, /the tag is v1\.2\.4/],
    ['a tag of before', { tags: ['v1.2.3'] }, /tagged already/],
    ['a version that is none', { version: '1.2' }, /no version/],
  ])('is stopped by %s', (_, change, fault) => {
    expect(faultsOf({ ...READY, ...change })).toContainEqual(expect.stringMatching(fault))
  })

  it('reads this changelog', () => {
    expect(readChangelog(CHANGELOG)).toEqual({ unreleased: '', newest: '1.2.3', date: '2030-01-02' })
  })
})
