/** A FakeKernel that lives in a file between two commands. */

import { readTextIfThere, writeTextAtOnce } from '../host/text-files'
import type { FakeKernel } from '../testing/fake-kernel'
import type { FakeDialect } from '../testing/objects/options'
import type { KernelDump } from '../testing/state-file/dump-format'
import { CliError, UsageError } from './errors'
import { KERNELS } from './globals'

export interface FakeFile {
  readonly kernel: FakeKernel
  /** Writes the file where the kernel has changed. Throws where somebody else has changed it meanwhile. */
  save(): void
  /** For commands that go on and on: the kernel becomes what somebody else has made of the file, or else it is written. */
  exchange(): void
}

function readDump(path: string, text: string): KernelDump {
  const refuse = (why: string) =>
    new CliError(
      `${path} is no FakeKernel: ${why}`,
      'Give the name of another file: one that is not there is a new kernel.',
    )
  let dump: Partial<KernelDump>
  try {
    dump = JSON.parse(text) as Partial<KernelDump>
  } catch (error) {
    throw refuse((error as Error).message)
  }
  if (typeof dump !== 'object' || dump === null || dump.format !== 1) {
    throw refuse('it is not what dump() writes')
  }
  if (!KERNELS.includes(dump.dialect as FakeDialect) || !Number.isInteger(dump.cpus)) {
    throw refuse('it does not say which kernel it is')
  }
  return dump as KernelDump
}

/** What a kernel says of a dump is said of the file. */
function orRefuse<T>(path: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new CliError(
      `${path} is no FakeKernel: ${(error as Error).message}`,
      'Part of it is missing or wrong. Give the name of another file.',
    )
  }
}

const loaded = (path: string, kernel: FakeKernel, dump: KernelDump): void =>
  orRefuse(path, () => kernel.load(dump))

const dumpText = (kernel: FakeKernel): string => `${JSON.stringify(kernel.dump(), null, 1)}\n`

/** `dialect`: of a new one, and what an old one must be; undefined: fullnat-v2, and whatever it is. */
export async function openFakeFile(path: string, dialect: FakeDialect | undefined): Promise<FakeFile> {
  const { FakeKernel } = await import('../testing/fake-kernel')
  let text = readTextIfThere(path)
  const dump = text === undefined ? undefined : readDump(path, text)
  if (dump && dialect !== undefined && dump.dialect !== dialect) {
    const hint = 'Leave --fake-dialect out, or give the name of another file.'
    throw new UsageError(`${path} is ${dump.dialect}, --fake-dialect ${dialect} makes no other of it`, hint)
  }
  const make = () => new FakeKernel(dump ? { dialect: dump.dialect, cpus: dump.cpus } : { dialect })
  const kernel = orRefuse(path, make)
  if (dump) loaded(path, kernel, dump)
  let before = dumpText(kernel)

  function save(): void {
    const after = dumpText(kernel)
    if (after === before) return
    if (readTextIfThere(path) !== text) {
      const hint = 'One command at a time for each file. What this one did to the kernel is lost.'
      throw new CliError(`another command has changed ${path} meanwhile`, hint)
    }
    writeTextAtOnce(path, after)
    before = after
    text = after
  }

  function exchange(): void {
    const now = readTextIfThere(path)
    if (now === text || now === undefined) {
      // One that was removed is written again.
      text = now
      save()
      return
    }
    const theirs = readDump(path, now)
    if (theirs.dialect !== kernel.dialect || theirs.cpus !== kernel.dump().cpus) {
      throw new CliError(`another command has made another kernel of ${path} meanwhile`)
    }
    loaded(path, kernel, theirs)
    text = now
    before = dumpText(kernel)
  }

  return { kernel, save, exchange }
}
