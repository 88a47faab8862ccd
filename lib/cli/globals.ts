/** Options that stand anywhere, with ipvsadm's command lines too: none has a name of ipvsadm's. */

import { UsageError } from './errors'
import type { OptionSpecs } from './options'
import { GivenOptions, scanArguments } from './options'

export const DIALECTS = ['mainline', 'alibaba-v2', 'alibaba-v3', 'dpvs'] as const
export const KERNELS = ['mainline', 'fullnat-v2', 'fullnat-v3'] as const

/** About the director. */
export const DIRECTOR_OPTIONS: OptionSpecs = {
  fake: {
    value: 'FILE',
    help: 'a FakeKernel that is kept in FILE, not the real kernel; no privilege needed',
  },
  'fake-dialect': { value: 'KERNEL', help: `of a new one: ${KERNELS.join(', ')} (default fullnat-v2)` },
  netns: { value: 'NAME', help: 'network namespace (mainline): a name, a path or a process id' },
  transport: { value: 'KIND', help: 'auto, netlink or sockopt (default auto)' },
  'kernel-timeout': { value: 'SECONDS', help: 'how long the kernel may be silent (default 5, 0 for ever)' },
  'load-module': { help: 'run modprobe ip_vs where it is not loaded' },
  force: { help: 'write to unknown kernels, and start sync daemons on FULLNAT kernels' },
}

export const JSON_OPTION: OptionSpecs = { json: { help: 'JSON, counters as decimal text' } }

export const COMMON_OPTIONS: OptionSpecs = {
  'no-color': { help: 'no colours; so does NO_COLOR' },
  help: { help: 'this help' },
}

export const DIALECT_OPTION: OptionSpecs = {
  dialect: { value: 'DIALECT', help: `whose options: ${DIALECTS.join(', ')}` },
}

export const NULL_MEANS_OPTION: OptionSpecs = {
  'null-means': {
    value: 'METHOD',
    help: 'of rules: fullnat, where (null) stands for it in those of alibaba-v2',
  },
}

export const GLOBAL_OPTIONS: OptionSpecs = {
  ...NULL_MEANS_OPTION,
  ...DIALECT_OPTION,
  ...JSON_OPTION,
  ...DIRECTOR_OPTIONS,
  ...COMMON_OPTIONS,
}

export interface SplitLine {
  readonly globals: GivenOptions
  /** All other words, in order. */
  readonly words: readonly string[]
}

const isGlobal = (name: string) => Object.prototype.hasOwnProperty.call(GLOBAL_OPTIONS, name)

/** Takes the options of this program out of a command line. */
export function splitGlobals(argv: readonly string[]): SplitLine {
  const globals = new GivenOptions()
  const words: string[] = []
  scanArguments(argv, globals, {
    find: (name) => (isGlobal(name) ? GLOBAL_OPTIONS[name] : undefined),
    other: (word) => words.push(word),
    rest: (rest) => words.push('--', ...rest),
  })
  return { globals, words }
}

/** Those that a command has nothing to do with are errors: no option is ignored. */
export function refuseOthers(globals: GivenOptions, taken: OptionSpecs, command: string): void {
  for (const name of globals.names) {
    if (Object.prototype.hasOwnProperty.call(taken, name)) continue
    throw new UsageError(`--${name} does not go with ${command}`)
  }
}
