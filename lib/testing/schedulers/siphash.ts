/** SipHash-1-3 of one 32-bit word: hsiphash_1u32() of a 64-bit kernel (lib/siphash.c). */

const MASK = (BigInt(1) << BigInt(64)) - BigInt(1)
const INITIAL = ['736f6d6570736575', '646f72616e646f6d', '6c7967656e657261', '7465646279746573'].map((hex) =>
  BigInt(`0x${hex}`),
) as [bigint, bigint, bigint, bigint]

const add = (one: bigint, other: bigint) => (one + other) & MASK
const rotate = (word: bigint, bits: number) => ((word << BigInt(bits)) | (word >> BigInt(64 - bits))) & MASK

type Words = [bigint, bigint, bigint, bigint]

function round([v0, v1, v2, v3]: Words): Words {
  let [a, b, c, d] = [add(v0, v1), rotate(v1, 13), add(v2, v3), rotate(v3, 16)]
  b ^= a
  a = rotate(a, 32)
  d ^= c
  a = add(a, d)
  d = rotate(d, 21) ^ a
  c = add(c, b)
  b = rotate(b, 17) ^ c
  c = rotate(c, 32)
  return [a, b, c, d]
}

/** Both halves of the key are the same, as in ip_vs_mh.c. The result is cut to 32 bits. */
export function siphash13(word: number, key: bigint): number {
  const block = (BigInt(4) << BigInt(56)) | BigInt(word)
  let v: Words = [INITIAL[0] ^ key, INITIAL[1] ^ key, INITIAL[2] ^ key, INITIAL[3] ^ key]
  v[3] ^= block
  v = round(v)
  v[0] ^= block
  v[2] ^= BigInt(0xff)
  v = round(round(round(v)))
  return Number((v[0] ^ v[1] ^ v[2] ^ v[3]) & BigInt(0xffffffff))
}
