// Clients whose files say what no kernel does.

import type { KernelFile, Transport } from '../../../lib'
import { Ipvs } from '../../../lib'
import { FakeKernel, type FakeKernelOptions } from '../../../lib/testing'

/** Bytes, in pieces of a size. */
export class BytesFile implements KernelFile {
  closed = 0
  private at = 0

  constructor(
    private readonly bytes: Buffer,
    private readonly piece: number,
  ) {}

  async read(into: Uint8Array): Promise<number> {
    const count = this.bytes.copy(into, 0, this.at, Math.min(this.bytes.length, this.at + this.piece))
    this.at += count
    return count
  }

  close(): void {
    this.closed++
  }
}

type Files = (inner: Transport) => Partial<Transport['files']> & { machine?: Partial<Transport['machine']> }

/** A client that has these files, once it is open. */
export async function clientOf(options: FakeKernelOptions) {
  const inner = new FakeKernel(options).transport()
  const { machine } = inner
  if (!machine) throw new Error('no machine')
  const changed = { files: {}, machine: {} }
  const over = (target: object, own: () => object) =>
    new Proxy(target, { get: (_, name) => Reflect.get(own(), name) ?? Reflect.get(target, name) })
  const transport = Object.assign(
    { ...inner },
    {
      files: over(inner.files, () => changed.files),
      machine: over(machine, () => changed.machine),
    },
  )
  const ipvs = await Ipvs.open({ transport: transport as Transport, timeout: 600_000 })
  const set = (files: Files) => {
    const { machine: ofMachine = {}, ...rest } = files(inner)
    Object.assign(changed, { files: rest, machine: ofMachine })
  }
  return { ipvs, set }
}

/** Texts that a kernel's is changed into, each with what was done. */
export function* garbled(text: string): Iterable<string> {
  const lines = text.split('\n')
  const at = Math.min(2, lines.length - 1)
  const before = lines.slice(0, at).join('\n')
  const after = lines.slice(at).join('\n')
  yield text.replaceAll('\n', '\r\n')
  yield `${before}\r\n${after}`
  yield `${before}\n\0${after}`
  yield text.replaceAll(' ', '\0')
  yield `${before}\n${'\0'.repeat(5000)}\n${after}`
  yield `${before}\n${'A'.repeat(5000)}\n${after}`
  yield `${before}\n${'A'.repeat(200_000)}`
  yield `${before}\n\n${after}`
  yield `${text}\n`
  yield text.slice(0, -1)
  yield `\xff${text}`
  yield ''
  yield '\n'
  for (let end = 1; end < text.length; end += 1 + Math.floor(text.length / 60)) yield text.slice(0, end)
}
