/** The bytes of a job or a reply, read and written field by field. */

import type { AddressFamily, PackedAddress } from '../model/address'
import { AddressLayout, Border } from './layout.gen'

const ZERO = BigInt(0)

/** The bytes of a word the other way round: addresses are in network order. */
const swapped = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)

/** The name that was read last, and its bytes as words: the schedulers of a table repeat themselves. */
const last = { words: [0, 0, 0, 0], text: '' }

/**
 * Typed arrays over one buffer, because both platforms of the addon are little-endian as the border is. Offsets are
 * multiples of the field's size; those of addresses and names of 4.
 */
export class RecordMemory {
  bytes!: Uint8Array
  halves!: Uint16Array
  numbers!: Uint32Array
  private words!: BigUint64Array

  constructor(buffer: ArrayBuffer) {
    this.attach(buffer)
  }

  protected attach(buffer: ArrayBuffer): void {
    this.bytes = new Uint8Array(buffer)
    this.halves = new Uint16Array(buffer, 0, buffer.byteLength >> 1)
    this.numbers = new Uint32Array(buffer, 0, buffer.byteLength >> 2)
    this.words = new BigUint64Array(buffer, 0, buffer.byteLength >> 3)
  }

  u16(at: number): number {
    return this.halves[at >> 1] as number
  }

  u32(at: number): number {
    return this.numbers[at >> 2] as number
  }

  i32(at: number): number {
    return (this.numbers[at >> 2] as number) | 0
  }

  /** Most counters of a table are 0, and each bigint that is made is an object. */
  u64(at: number): bigint {
    const { numbers } = this
    const word = at >> 2
    return numbers[word] === 0 && numbers[word + 1] === 0 ? ZERO : (this.words[at >> 3] as bigint)
  }

  /** Up to the NUL. Interface names may be UTF-8, all others are ASCII. */
  name(at: number): string {
    const { numbers, bytes } = this
    const word = at >> 2
    if (last.words.every((known, i) => known === numbers[word + i])) return last.text
    const field = bytes.subarray(at, at + Border.nameSize)
    const end = field.indexOf(0)
    last.words = Array.from(numbers.subarray(word, word + Border.nameSize / 4))
    last.text = Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8')
    return last.text
  }

  /** Up to the NUL. */
  text(at: number, size: number): string {
    const field = this.bytes.subarray(at, at + size)
    const end = field.indexOf(0)
    return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8')
  }

  address(at: number): PackedAddress {
    const { numbers } = this
    const word = at >> 2
    return {
      family: this.u16(at + AddressLayout.family) as AddressFamily,
      a: swapped(numbers[word] as number) >>> 0,
      b: swapped(numbers[word + 1] as number) >>> 0,
      c: swapped(numbers[word + 2] as number) >>> 0,
      d: swapped(numbers[word + 3] as number) >>> 0,
    }
  }

  putU16(at: number, value: number): void {
    this.halves[at >> 1] = value
  }

  putU32(at: number, value: number): void {
    this.numbers[at >> 2] = value
  }

  putI32(at: number, value: number): void {
    this.numbers[at >> 2] = value
  }

  putU64(at: number, value: bigint): void {
    this.words[at >> 3] = value
  }

  /** The field is all zeros. Names of schedulers and engines are ASCII (input/values.ts); interfaces may be UTF-8. */
  putName(at: number, name: string): void {
    const { bytes } = this
    for (let i = 0; i < name.length; i++) {
      const char = name.charCodeAt(i)
      if (char > 127 || i === Border.nameSize - 1) {
        bytes.set(Buffer.from(name).subarray(0, Border.nameSize - 1), at)
        return
      }
      bytes[at + i] = char
    }
  }

  /** The field is all zeros. */
  putText(at: number, size: number, text: string): void {
    this.bytes.set(Buffer.from(text).subarray(0, size - 1), at)
  }

  putAddress(at: number, { family, a, b, c, d }: PackedAddress): void {
    const { numbers } = this
    const word = at >> 2
    numbers[word] = swapped(a)
    numbers[word + 1] = swapped(b)
    numbers[word + 2] = swapped(c)
    numbers[word + 3] = swapped(d)
    this.putU16(at + AddressLayout.family, family)
  }
}
