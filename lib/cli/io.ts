/** What a run of the command line has of the process around it; tests have their own. */

import type { EventEmitter } from 'events'

export interface CliStream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  on?(event: string, listener: (error: NodeJS.ErrnoException) => void): unknown
  removeListener?(event: string, listener: (error: NodeJS.ErrnoException) => void): unknown
}

export type CliInput = NodeJS.ReadableStream & {
  readonly isTTY?: boolean | undefined
  setRawMode?(raw: boolean): unknown
}

export interface CliIo {
  readonly stdin: CliInput
  readonly stdout: CliStream
  readonly stderr: CliStream
  readonly env: { readonly [name: string]: string | undefined }
  /** Emits SIGINT and SIGTERM: the process. Undefined: nothing interrupts. */
  readonly signals?: EventEmitter | undefined
}
