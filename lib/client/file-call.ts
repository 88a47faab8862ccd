/** Calls that read files of the kernel: they need no trip, and do not wait behind others. */

import type { KernelFileName, KernelFiles, Transport } from '../border/transport'
import { withCallerStack } from '../dispatch/caller-stack'
import type { ClientLimits } from '../dispatch/within-limits'
import { withinLimits } from '../dispatch/within-limits'
import type { Capabilities } from '../kernel/capabilities'
import { fileProblem, PROC_NET } from '../kernel/file-error'
import type { CallOptions } from '../model/call-types'
import type { TextSource } from '../procfs/lines'
import { readKernelText } from './kernel-text'
import type { Context } from './operation'

/** What the methods that read or write files need of the client. */
export interface FileClient {
  readonly transport: Pick<Transport, 'files' | 'machine' | 'readCpuState'>
  context(): Context
  /** Throws for wrong options. */
  limits(options: CallOptions | undefined): ClientLimits
}

export interface FileCall {
  readonly files: KernelFiles
  /** `timeout` is how long the kernel may be silent: each read may take as long. */
  readonly limits: ClientLimits
  readonly operation: string
  readonly capabilities: Capabilities
}

/**
 * What `parse` makes of a file. Rejects with ERR_IPVS_UNSUPPORTED where this kernel has no such file, with
 * ERR_IPVS_MALFORMED_FILE, ERR_IPVS_TIMEOUT, ABORT_ERR, ERR_IPVS_CLOSED, or with what the kernel said.
 */
export async function readKernelFile<T>(
  call: FileCall,
  name: KernelFileName,
  parse: (text: string, source: TextSource) => T,
): Promise<T> {
  const { files, limits, operation } = call
  const { dialect } = call.capabilities
  const path = `${PROC_NET}/${name}`
  let text: string
  try {
    text = await readKernelText(files, name, (read) => withinLimits(read, limits, operation))
  } catch (error) {
    throw fileProblem(error, { operation, dialect, access: 'read', path })
  }
  return parse(text, { file: path, operation })
}

/** A call that is made of what `read` reads; wrong options reject before anything is opened. */
export function callFiles<T>(
  client: FileClient,
  operation: string,
  read: (call: FileCall) => Promise<T>,
  options: CallOptions | undefined,
): Promise<T> {
  return withCallerStack(
    new Promise((resolve) => {
      const limits = client.limits(options)
      const { files } = client.transport
      const { capabilities } = client.context()
      resolve(read({ files, limits, operation, capabilities }))
    }),
  )
}
