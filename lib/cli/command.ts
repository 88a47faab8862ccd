/** What a command is, and what it is run with. */

import type { Ipvs } from '../client/ipvs'
import type { CallOptions } from '../model/call-types'
import type { CliIo } from './io'
import type { GivenOptions, OptionSpecs } from './options'
import type { Output } from './output'

export interface Invocation {
  readonly io: CliIo
  readonly out: Output
  readonly err: Output
  readonly globals: GivenOptions
  readonly options: GivenOptions
  /** Words that are no options, as many as the command has operands. */
  readonly operands: readonly string[]
  /** `signal` where the Node has one: SIGINT ends what is under way. */
  readonly call: CallOptions
  /** The director that the options name; opened at the first call, closed after the command. */
  director(): Promise<Ipvs>
  /** JSON is asked for. */
  readonly json: boolean
  /** Colours are wanted: standard output is a terminal, and nobody said no. */
  readonly color: boolean
  /** A line to standard error. */
  tell(line: string): Promise<void>
}

export interface Command {
  /** What stands behind the name in the help. */
  readonly operands: readonly string[]
  /** How many of them must be there. Default all. */
  readonly needs?: number | undefined
  /** Lines for the help, below the usage. */
  readonly about: readonly string[]
  readonly options: OptionSpecs
  /** It works on a director, and takes the options about one. */
  readonly director: boolean
  readonly json: boolean
  /** It takes --dialect. */
  readonly dialect?: boolean | undefined
  /** It takes --null-means. */
  readonly nullMeans?: boolean | undefined
  /** SIGINT and SIGTERM are its own business. */
  readonly ownSignals?: boolean | undefined
  /** Where 2 means something else. Default 2. */
  readonly usageExit?: number | undefined
  /** Resolves to the exit code. */
  run(invocation: Invocation): Promise<number>
}
