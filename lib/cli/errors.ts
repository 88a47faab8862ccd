/** Errors of the command line, and its exit codes. */

/** docs/cli.md has the table. */
export const EXIT = {
  done: 0,
  /** The kernel, or the machine, refused; part of it may be done. */
  failed: 1,
  /** The command line, or a text that was given, is wrong: nothing was changed. */
  usage: 2,
  /** `plan`, and `apply` without --yes: there is something to do. */
  changes: 2,
  /** `doctor`: there is something wrong. */
  findings: 2,
  /** As shells have it for what SIGINT ended. */
  interrupted: 130,
} as const

export class CliError extends Error {
  constructor(
    message: string,
    /** What to do. */
    readonly hint?: string | undefined,
    readonly exit: number = EXIT.failed,
  ) {
    super(message)
    Object.defineProperty(this, 'name', { value: 'CliError', configurable: true, writable: true })
  }
}

export class UsageError extends CliError {
  constructor(message: string, hint?: string | undefined) {
    super(message, hint, EXIT.usage)
  }
}
