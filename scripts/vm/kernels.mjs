// Finds the kernels to test on, and for each one the `ipvsadm` that belongs to it.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from './cache.mjs'
import { mainlineIpvsadm } from './ipvsadm-mainline.mjs'
import { mainlineKernel } from './mainline.mjs'

/** In the order of the report. */
export const kernelNames = ['mainline', 'fullnat-v2', 'fullnat-v3']

const variables = {
  'fullnat-v2': 'IPVS_FULLNAT_V2_KERNEL',
  'fullnat-v3': 'IPVS_FULLNAT_V3_KERNEL',
}

function fullnat(name) {
  const variable = variables[name]
  const folder = cacheFolder('kernels')
  const given = process.env[variable]
  const image = given || join(folder, `${name}.bzImage`)
  if (!existsSync(image)) {
    const missing = given
      ? `${variable}=${given}: no such file`
      : `to test on ${name}, set ${variable} to its bzImage or put it at ${image}`
    return { name, missing }
  }
  // ipvsadm-fullnat-v3 is the oracle; other builds of it (ipvsadm-sockopt-fullnat-v3) come along.
  const isOracle = (file) => file.startsWith('ipvsadm-') && file.endsWith(name)
  const oracles = readdirSync(folder).filter(isOracle)
  return {
    name,
    image,
    // ext2 is built in, so the root is mounted by the kernel itself.
    append: 'root=/dev/vda rootfstype=ext2 ro init=/sbin/init',
    oracleFiles: oracles.map((file) => join(folder, file)),
    guestOracle: oracles.includes(`ipvsadm-${name}`) ? `/work/oracle/ipvsadm-${name}` : '',
  }
}

async function mainline(log) {
  try {
    const kernel = await mainlineKernel(log)
    // The root image has it; it is not there where the package could not be had.
    const guestOracle = (await mainlineIpvsadm(log)) ? '/bin/ipvsadm-mainline' : ''
    return { name: 'mainline', ...kernel, append: 'mitigations=off', oracleFiles: [], guestOracle }
  } catch (error) {
    const missing = `linux-image-amd64 could not be fetched: ${error.message.split('\n')[0]}`
    return { name: 'mainline', missing }
  }
}

/**
 * { name, image, initrd?, append, oracleFiles, guestOracle }, or { name, missing } where there is no
 * image; `missing` says how to supply one.
 */
export async function findKernel(name, log = () => {}) {
  if (name === 'mainline') return mainline(log)
  if (name in variables) return fullnat(name)
  throw new Error(`unknown kernel ${name}; there are ${kernelNames.join(', ')}`)
}
