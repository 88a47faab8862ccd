import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadAddon } from '../../lib/host/addon'
import { kernelFiles, readCpuState } from '../../lib/host/kernel-files'
import { detect } from '../../lib/kernel/detect'
import { parseCpuList } from '../../lib/procfs/cpu-list'
import { parseExtStatsRows } from '../../lib/procfs/extended-statistics'
import { FULLNAT_COMMANDS } from './support/scripted-transport'

const golden = (name: string) => readFileSync(new URL(`../golden/proc/${name}`, import.meta.url), 'utf8')

describe('parseExtStatsRows, on what both FULLNAT kernels printed', () => {
  const v2 = parseExtStatsRows(golden('ip_vs_ext_stats-fullnat-v2'))
  const v3 = parseExtStatsRows(golden('ip_vs_ext_stats-fullnat-v3'))

  it('finds every row and nothing else', () => {
    expect(v2).toHaveLength(43)
    expect(v2[0]).toBe('fullnat_add_toa_ok')
    expect(v2.at(-1)).toBe('conn_sched_unreach')
    const lines = golden('ip_vs_ext_stats-fullnat-v3').trimEnd().split('\n')
    expect(v3).toHaveLength(lines.length - 1)
    // Names that are longer than their column have no blank before the colon.
    expect(v3).toContain('fullnat_conn_reused_closewait')
  })

  it('has the rows that tell v2 and v3 apart', () => {
    expect([v2.includes('defence_ip_frag_gather'), v2.includes('conn_exceeded')]).toEqual([true, false])
    expect([v3.includes('defence_ip_frag_gather'), v3.includes('conn_exceeded')]).toEqual([false, true])
  })

  it.each([
    ['fullnat-v2', v2],
    ['fullnat-v3', v3],
  ])('gives %s, with the sysctls of the same machine', (dialect, extStats) => {
    const sysctls = golden(`sysctl-${dialect}`)
      .split('\n')
      .map((line) => line.split(' = ')[0])
    const files = {
      connMaxNum: sysctls.includes('conn_max_num'),
      fullnatSysctl: sysctls.includes('fullnat_lport_min'),
      extStats,
    }
    const signals = { commands: FULLNAT_COMMANDS, familyId: 0x12, sockoptVersionError: 0, files }
    expect(detect({ ...signals, sockoptLocalAddressError: 3 }).dialect).toBe(dialect)
  })

  it('finds nothing in an empty or foreign text', () => {
    expect(parseExtStatsRows('')).toEqual([])
    expect(parseExtStatsRows('   CPU0 : x\nTotal Incoming: 1\n')).toEqual([])
  })
})

describe('parseCpuList', () => {
  it.each([
    ['0\n', 1],
    ['0-1\n', 2],
    ['0-3,8\n', 5],
    ['0,2,4-7\n', 6],
    ['0-4095', 4096],
    ['\n', 0],
  ])('%j has %i', (text, count) => {
    expect(parseCpuList(text)).toBe(count)
  })
})

describe('the files of this machine', () => {
  const { Connection } = loadAddon()

  it('are read, or reject as those of fs do', async () => {
    const files = kernelFiles(new Connection(''), false)
    for (const look of [
      () => files.open('ip_vs_ext_stats'),
      files.listSysctls,
      () => files.readSysctl('x'),
    ]) {
      const error = await look().then(
        () => undefined,
        (cause) => cause,
      )
      if (error) expect(error).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'open' })
    }
    expect(await files.writeSysctl('nothing', '1').catch((error) => error)).toMatchObject({
      code: 'ENOENT',
      path: '/proc/sys/net/ipv4/vs/nothing',
    })
  })

  it('tell nothing about reserve_core where there is none', () => {
    if (!existsSync('/proc/sys/net/ipv4/vs/reserve_core')) expect(readCpuState()).toBeUndefined()
  })
})
