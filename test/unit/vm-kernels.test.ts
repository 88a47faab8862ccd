// Which kernels the test VM boots, out of which packages, what runs on them and what is said of it. The texts are those of
// apt for Debian 11, 12, 13 and unstable in November 2026.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
// @ts-expect-error: a script without types
import { reason } from '../../scripts/vm/command.mjs'
// @ts-expect-error: a script without types
import { modulesInOrder } from '../../scripts/vm/kernel-modules.mjs'
// @ts-expect-error: a script without types
import { dialectKernels, findKernel, kernelName, kernelNames } from '../../scripts/vm/kernels.mjs'
// @ts-expect-error: a script without types
import * as facts from '../../scripts/vm/package-facts.mjs'
// @ts-expect-error: a script without types
import { closingLine, missingLine, releaseOf } from '../../scripts/vm/results.mjs'
// @ts-expect-error: a script without types
import { plan } from '../../scripts/vm/suite.mjs'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ipvs-kernels-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the kernels of the test VM', () => {
  it('are four of mainline and the two of FULLNAT', () => {
    expect(kernelNames).toEqual([
      ...['mainline-5.10', 'mainline-6.1', 'mainline-6.12', 'mainline-newest'],
      ...['fullnat-v2', 'fullnat-v3'],
    ])
    expect(dialectKernels).toEqual(['mainline', 'fullnat-v2', 'fullnat-v3'])
  })

  it.each([...kernelNames])('%s is meant by its own name', (name) => {
    expect(kernelName(name)).toBe(name)
  })

  it('mainline alone is the usual one', () => {
    expect(kernelName('mainline')).toBe('mainline-6.1')
  })

  it.each(['', 'mainline-', 'mainline-6', 'fullnat', 'toString'])('%j is none of them', async (name) => {
    expect(() => kernelName(name)).toThrow(/^unknown kernel .*; there are mainline-5\.10, /)
    await expect(findKernel(name)).rejects.toThrow(/^unknown kernel/)
  })
})

describe('what apt says of a kernel', () => {
  const shown = `Package: linux-image-amd64
Source: linux-signed-amd64 (7.2.13+1)
Version: 7.2.13-1
Installed-Size: 5
Depends: linux-base-amd64 (= 7.2.13-1), linux-image-7.2.13+deb14-amd64 (= 7.2.13-1)
Description: Linux for 64-bit PCs (meta-package)
 Depends: on nothing, this line is prose
`

  it('is its version and what it depends on', () => {
    expect(facts.packageFacts(shown)).toEqual({
      version: '7.2.13-1',
      depends: 'linux-base-amd64 (= 7.2.13-1), linux-image-7.2.13+deb14-amd64 (= 7.2.13-1)',
    })
    expect(facts.packageFacts('')).toEqual({ version: '', depends: '' })
  })

  it.each([
    ['Debian 11', 'linux-image-5.10.0-32-amd64 (= 5.10.223-1)', 'linux-image-5.10.0-32-amd64'],
    ['Debian 13', 'linux-image-6.12.117+deb13-amd64 (= 6.12.117-1)', 'linux-image-6.12.117+deb13-amd64'],
    ['unstable', facts.packageFacts(shown).depends, 'linux-image-7.2.13+deb14-amd64'],
    ['unsigned', 'linux-image-7.3-amd64-unsigned (= 7.3-1) | x', 'linux-image-7.3-amd64-unsigned'],
  ])('names the kernel of %s', (_, depends, name) => {
    expect(facts.kernelPackage(depends)).toBe(name)
  })

  it.each(['', 'linux-base-amd64 (= 7.2.13-1)', 'linux-image-amd64'])('%j names none', (depends) => {
    expect(() => facts.kernelPackage(depends)).toThrow(/^linux-image-amd64 names no kernel package/)
  })

  it('of alternatives the first counts, versions and architectures do not', () => {
    const depends = 'kmod, dracut | initramfs-tools (>= 0.120) | x, linux-base:any (>= 4.3~),'
    expect(facts.dependencyNames(depends)).toEqual(['kmod', 'dracut', 'linux-base'])
  })

  it('names the packages that have its files', () => {
    const old = 'kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool'
    expect(facts.filePackages('linux-image-5.10.0-32-amd64', old)).toEqual(['linux-image-5.10.0-32-amd64'])
    const split =
      'dracut | initramfs-tools (>= 0.120+deb8u2), linux-base-7.2.13+deb14-amd64 (= 7.2.13-1), ' +
      'linux-binary-7.2.13+deb14-amd64 (= 7.2.13-1), linux-modules-7.2.13+deb14-amd64 (= 7.2.13-1)'
    expect(facts.filePackages('linux-image-7.2.13+deb14-amd64', split)).toEqual([
      'linux-image-7.2.13+deb14-amd64',
      'linux-binary-7.2.13+deb14-amd64',
      'linux-modules-7.2.13+deb14-amd64',
    ])
    const unsigned = 'linux-binary-unsigned-7.3-amd64 (= 7.3-1)'
    expect(facts.filePackages('a', unsigned)).toEqual(['a', 'linux-binary-unsigned-7.3-amd64'])
  })

  it('a version can be part of a file name', () => {
    expect(facts.versionInName('1:7.2~rc1+dfsg-1')).toBe('1_7.2_rc1+dfsg-1')
  })

  it('the mirror is that of Debian itself', () => {
    const targets = [
      'Node Source|Node Source|mirror:/n/',
      'Debian|Debian-Security|mirror:/debian-security/',
      'Debian|Debian|mirror:/debian/',
      '',
    ].join('\n')
    expect(facts.debianMirror(targets)).toBe('mirror:/debian/')
    expect(() => facts.debianMirror('Ubuntu|Ubuntu|mirror:/u/\n')).toThrow('no mirror of Debian')
    expect(() => facts.debianMirror('')).toThrow('no mirror of Debian')
  })
})

describe('the modules of a kernel', () => {
  const put = (path: string, depends: string, pack = (bytes: Buffer) => bytes) => {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), pack(Buffer.from(`ELF\0license=GPL\0depends=${depends}\0name=x\0`)))
  }
  const order = () => modulesInOrder(folder).map(({ name }: { name: string }) => name)
  beforeEach(() => {
    put('drivers/block/virtio_blk.ko', '')
    put('net/netfilter/ipvs/ip_vs.ko.gz', 'nf_conntrack,nf-defrag-ipv6', gzipSync)
    put('net/netfilter/ipvs/ip_vs_rr.ko', 'ip_vs')
    put('net/netfilter/ipvs/ip_vs_wlc.ko', 'ip_vs')
    put('net/netfilter/nf_conntrack.ko.gz', '', gzipSync)
    put('net/ipv6/netfilter/nf_defrag_ipv6.ko', 'libcrc32c')
    put('net/unwanted.ko', '')
  })

  it('come each after what it depends on, packed or not; what is no module is built in', () => {
    expect(order()).toEqual([
      ...['virtio_blk', 'nf_conntrack', 'nf_defrag_ipv6', 'ip_vs', 'ip_vs_rr', 'ip_vs_wlc'],
    ])
    const [, { bytes }] = modulesInOrder(folder)
    expect(String(bytes)).toContain('depends=')
  })

  it('must have what the guest cannot do without', () => {
    rmSync(join(folder, 'net/netfilter/ipvs/ip_vs_wlc.ko'))
    expect(order).toThrow('no module ip_vs_wlc in the kernel package')
  })
})

describe('what runs on a kernel', () => {
  beforeEach(() => {
    mkdirSync(join(folder, 'test/vm/smp'), { recursive: true })
    for (const name of ['cycle.cjs', 'smp/cpus.test.ts', 'smp/notes.md']) {
      writeFileSync(join(folder, 'test/vm', name), '')
    }
  })
  const boots = (options: object) => plan({ project: folder, whole: true, ...options })

  it('is everything on the usual ones, in two boots', () => {
    expect(boots({})).toEqual([
      { smp: 1, vitest: [], cycle: true, env: {} },
      { smp: 4, vitest: ['test/vm/smp/cpus.test.ts'], cycle: false, env: {} },
    ])
  })

  it('is what may differ on the others, in one', () => {
    const [one, ...more] = boots({ whole: false })
    expect(more).toEqual([])
    expect(one).toMatchObject({ smp: 1, cycle: false, env: { IPVS_DIFFERENTIAL_RUNS: '6' } })
    expect(one.vitest).toContain('test/vm/contract.test.ts')
    expect(one.vitest).toContain('test/vm/differential.test.ts')
    expect(one.vitest).not.toContain('test/vm/traffic.test.ts')
  })

  it.each([true, false])('is what the filter says (whole: %j)', (whole) => {
    expect(boots({ whole, filter: 'oracle' })).toEqual([
      { smp: 1, vitest: ['oracle'], cycle: false, env: {} },
    ])
    expect(boots({ whole, filter: 'cycle' })).toEqual([{ smp: 1, vitest: undefined, cycle: true, env: {} }])
    expect(boots({ whole, filter: 'smp/' })).toMatchObject([{ smp: 1 }, { smp: 4 }])
  })
})

describe('what is said of a kernel', () => {
  const ended = (release: string) => ({ outDir: folder, log: `GUEST ${release} up 3.1s\n` })

  it.each([
    ['5.10.0-32-amd64', '5.10.0'],
    ['7.2.13+deb14-amd64', '7.2.13'],
    ['2.6.32', '2.6.32'],
    ['7.3-amd64', '7.3'],
    ['7.3-rc4-amd64', '7.3'],
  ])('the release %s is %s', (release, said) => {
    expect(releaseOf(ended(release))).toBe(said)
    writeFileSync(join(folder, 'release'), `${release}\n`)
    expect(releaseOf({ outDir: folder, log: '' })).toBe(said)
  })

  it('no release, where the guest never came to user space', () => {
    expect(releaseOf({ outDir: folder, log: 'Booting\n' })).toBe('no release seen')
  })

  it('the closing line', () => {
    const result = { release: '5.10.0', passed: 3, failed: 1, skipped: 2, seconds: 9, failures: [] }
    expect(closingLine('mainline-5.10', result)).toBe('mainline-5.10 (5.10.0): 3 passed, 1 failed, 2 skipped')
  })

  it('a kernel that cannot be had, and why', () => {
    const error = new Error(
      "apt-get update: status 100\nW: old\nE: The repository 'x bullseye Release' is gone.",
    )
    const missing = reason(error)
    expect(missingLine({ name: 'mainline-5.10', missing })).toBe(
      "mainline-5.10: no image (The repository 'x bullseye Release' is gone.), skipped",
    )
    expect(reason(new Error('no module ip_vs\nmore'))).toBe('no module ip_vs')
  })
})
