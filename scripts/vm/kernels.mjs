// Finds the kernels to test on, and for each one the `ipvsadm` that belongs to it.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from './cache.mjs'
import { reason } from './command.mjs'
import { mainlineIpvsadm } from './ipvsadm-mainline.mjs'
import { mainlineKernel } from './mainline.mjs'

// Of each suite of Debian its kernel, the oldest, the usual, a newer and the newest one: IPVS goes on changing. The usual
// one is that of the machine's own suite, which the guest's user space is of, too.
const mainlines = {
  'mainline-5.10': { suite: 'bullseye', series: '5.10' },
  'mainline-6.1': { series: '6.1' },
  'mainline-6.12': { suite: 'trixie', series: '6.12' },
  'mainline-newest': { suite: 'sid' },
}

/** What `mainline` alone means; benchmarks and the demo run on it. */
const usualMainline = 'mainline-6.1'

const variables = {
  'fullnat-v2': 'IPVS_FULLNAT_V2_KERNEL',
  'fullnat-v3': 'IPVS_FULLNAT_V3_KERNEL',
}

/** In the order of the report. */
export const kernelNames = [...Object.keys(mainlines), ...Object.keys(variables)]

/** One of each dialect. */
export const dialectKernels = ['mainline', ...Object.keys(variables)]

/** The name in `kernelNames` that is meant. */
export function kernelName(given) {
  const name = given === 'mainline' ? usualMainline : given
  if (kernelNames.includes(name)) return name
  throw new Error(
    `unknown kernel ${given}; there are ${kernelNames.join(', ')}, and mainline for ${usualMainline}`,
  )
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
    dialect: name,
    whole: true,
    image,
    // ext2 is built in, so the root is mounted by the kernel itself.
    append: 'root=/dev/vda rootfstype=ext2 ro init=/sbin/init',
    oracleFiles: oracles.map((file) => join(folder, file)),
    guestOracle: oracles.includes(`ipvsadm-${name}`) ? `/work/oracle/ipvsadm-${name}` : '',
  }
}

async function mainline(name, log) {
  try {
    const kernel = await mainlineKernel({ name, ...mainlines[name] }, log)
    // The root image has it; it is not there where the package could not be had.
    const guestOracle = (await mainlineIpvsadm(log)) ? '/bin/ipvsadm-mainline' : ''
    const whole = name === usualMainline
    const common = { append: 'mitigations=off', oracleFiles: [], guestOracle }
    return { name, dialect: 'mainline', whole, ...kernel, ...common }
  } catch (error) {
    return { name, missing: `linux-image-amd64 could not be had: ${reason(error)}` }
  }
}

/**
 * { name, dialect, whole, image, initrd?, append, oracleFiles, guestOracle }, or { name, missing } where there is no image;
 * `missing` says why, or how to supply one. `whole`: all of the suite runs on it, not only what differs between kernels.
 */
export async function findKernel(given, log = () => {}) {
  const name = kernelName(given)
  return name in mainlines ? mainline(name, log) : fullnat(name)
}
