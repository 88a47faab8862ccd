// Adapts a COPY of Debian 12's glibc 2.36 (ld.so, libc.so.6, or a program linked statically with it,
// such as busybox-static) so that it runs on Linux 2.6.32 x86-64.
//
// This glibc does not check the kernel's version, so only two of its "Linux >= 3.2" assumptions
// bite on 2.6.32:
//   fstat(fd)              is newfstatat(fd, "", buf, AT_EMPTY_PATH), 2.6.39+; before: EINVAL
//                          (ld.so dies of it: "cannot stat shared object"; opendir fails of it)
//   getrlimit / setrlimit  are prlimit64(), 2.6.36+; before: ENOSYS
// Each is turned back into the plain system call, which takes the same structs on x86-64: fstat (5),
// getrlimit (97), setrlimit (160). The edits keep the length, nothing moves; the code must look
// exactly as expected, otherwise this throws.

const hex = (text) => Buffer.from(text.replace(/\s+/g, ''), 'hex')

function places(bytes, pattern) {
  const found = []
  for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) found.push(at)
  return found
}

// fstat64:   mov %rsi,%rdx; test %edi,%edi; js ..; mov $0x1000,%ecx; lea ""(%rip),%rsi; jmp fstatat64
// fstatat64: mov %rcx,%r10 (or mov %ecx,%r10d); mov $0x106,%eax; syscall; ..errno
function isFstat(bytes, at) {
  if (bytes[at + 12] !== 0xe9) return false
  if (!bytes.subarray(at - 7, at - 1).equals(hex('48 89 f2 85 ff 78'))) return false
  const to = at + 17 + bytes.readInt32LE(at + 13)
  const target = bytes.subarray(to, to + 10)
  return (
    target.equals(hex('49 89 ca b8 06 01 00 00 0f 05')) || target.equals(hex('41 89 ca b8 06 01 00 00 0f 05'))
  )
}

function patchFstat(bytes, name) {
  const found = places(bytes, hex('b9 00 10 00 00 48 8d 35')).filter((at) => isFstat(bytes, at))
  if (found.length !== 1) throw new Error(`${name}: fstat: ${found.length} places, wanted 1`)
  const at = found[0]
  hex('b8 05 00 00 00').copy(bytes, at) // mov $5,%eax  (%rdi = fd, %rsi = buf still)
  hex('0f 1f 80 00 00 00 00').copy(bytes, at + 5) // nop (7)
  bytes.writeInt32LE(bytes.readInt32LE(at + 13) + 8, at + 13) // jmp to fstatat64's syscall, errno tail
}

const limits = [
  {
    call: 'getrlimit',
    // mov %rsi,%r10; xor %edx,%edx; mov %edi,%esi; mov $0x12e,%eax; xor %edi,%edi; syscall
    from: hex('49 89 f2 31 d2 89 fe b8 2e 01 00 00 31 ff 0f 05'),
    to: hex('b8 61 00 00 00 66 0f 1f 84 00 00 00 00 00 0f 05'),
  },
  {
    call: 'setrlimit',
    // mov %rsi,%rdx; xor %r10d,%r10d; mov %edi,%esi; mov $0x12e,%eax; xor %edi,%edi; syscall
    from: hex('48 89 f2 45 31 d2 89 fe b8 2e 01 00 00 31 ff 0f 05'),
    to: hex('b8 a0 00 00 00 66 2e 0f 1f 84 00 00 00 00 00 0f 05'),
  },
]

// How often each limit call occurs: never in the loader, once in libc, at most once in a program.
const expected = { loader: [0, 0], libc: [1, 1], program: [0, 1] }

/** The adapted copy of `original`; `kind` is 'loader', 'libc' or 'program', `name` is for errors. */
export function patchGlibc(original, kind, name) {
  const bytes = Buffer.from(original)
  patchFstat(bytes, name)
  const [least, most] = expected[kind]
  for (const { call, from, to } of limits) {
    const found = places(bytes, from)
    if (found.length < least || found.length > most) {
      throw new Error(`${name} (${kind}): ${call}: ${found.length} places, wanted ${least}–${most}`)
    }
    for (const at of found) to.copy(bytes, at)
  }
  return bytes
}
