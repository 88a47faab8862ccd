/** The order of bytes that the border has. */

import { ownError } from '../errors/ipvs-error'

const isLittleEndian = (): boolean => new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Throws ERR_IPVS_UNSUPPORTED on a big-endian machine, such as s390x: records would be read the wrong way round. */
export function checkByteOrder(littleEndian = isLittleEndian()): void {
  if (littleEndian) return
  throw ownError('ERR_IPVS_UNSUPPORTED', {
    operation: 'open',
    description: 'this machine is big-endian, and the library works on little-endian ones only',
    hint: 'Run on x64 or arm64; that is so for a fake kernel, too.',
  })
}
