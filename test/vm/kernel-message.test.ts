// What a kernel says beside an errno (NETLINK_EXT_ACK, Linux 4.12), from IPVS itself to `error.kernelMessage`. It says
// something of what an attribute of a command looks like, and IPVS hands nothing on of what is inside a nest
// (ip_vs_ctl.c: nla_parse_nested_deprecated without extack): the library sends nothing that is refused with words. So
// bytes are taken off a request on its way.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { project } from './support/library'

/** Built by the machine that boots the guest. */
const PRELOADED = '/work/preload/shorten.so'
const MAINLINE = process.env.IPVS_VM_DIALECT === 'mainline'
const NEW_SERVICE = 1
const SERVICE = 1

function refused(shorten: readonly number[]) {
  const script = join(project, 'test/vm/support/refused.cjs')
  const env = { ...process.env, LD_PRELOAD: PRELOADED, IPVS_SHORTEN: shorten.join(' ') }
  return JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8', env }))
}

describe('a refusal of IPVS', () => {
  it('has the words of the kernel, where it has any', () => {
    const error = refused([NEW_SERVICE, SERVICE, 1])
    expect(error).toMatchObject({ code: 'ERANGE', syscall: 'sendmsg' })
    expect(error.kernelMessage).toEqual(
      MAINLINE ? expect.stringContaining('Attribute failed policy validation') : undefined,
    )
    expect(error.json.kernelMessage).toEqual(error.kernelMessage)
  })
})
