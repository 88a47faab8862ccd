// A place with an empty table: on mainline a new network namespace, because adding after a flush is slow there for a
// minute (ip_vs_ctl.c:ip_vs_trash_get_dest searches deleted destinations); elsewhere the one that there is.
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { readFileSync } = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')
const { Ipvs } = require('../../dist')

const timeout = 600000

async function askKernel() {
  const client = await Ipvs.open()
  const { dialect, capabilities } = client
  await client.close()
  return { dialect, fullnat: capabilities.fullnat }
}

async function holdNamespace() {
  // With lo down there is no local routing table, and every destination is refused (fib_frontend.c:inet_addr_type).
  const script = '/sbin/ip link set lo up; echo ready; exec cat'
  const holder = spawn('unshare', ['-n', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  return holder
}

/** Ticks in which the CPUs of the guest had work: user, nice, system, then irq, softirq. */
function busyTicks() {
  const [, ...numbers] = readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/)
  return [0, 1, 2, 5, 6].reduce((sum, i) => sum + Number(numbers[i]), 0)
}

/** The kernel takes a namespace and its table apart in the background: the next measurement waits for that. */
async function settle() {
  for (let i = 0, before = busyTicks(); i < 100; i++) {
    await sleep(100)
    const now = busyTicks()
    if (now - before <= 1) return
    before = now
  }
}

/** The client of a kernel without namespaces: it stays open, as that of a control plane does. */
let shared

async function withSharedClient(work) {
  shared ??= await Ipvs.open({ timeout })
  return work(shared)
}

async function withClientIn(holder, work) {
  const client = await Ipvs.open({ timeout, netns: holder.pid })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

/** { withClient(work), wrap(command), leave() } */
async function freshPlace(kernel) {
  const holder = kernel.dialect === 'mainline' ? await holdNamespace() : undefined
  const withClient = (work) => (holder ? withClientIn(holder, work) : withSharedClient(work))
  const empty = () => withClient((client) => client.flush())
  await empty()
  return {
    withClient,
    wrap: (command) => (holder ? ['nsenter', '-t', String(holder.pid), '-n', ...command] : command),
    async leave() {
      await empty()
      if (holder) {
        holder.kill()
        await once(holder, 'exit')
      }
      await settle()
    },
  }
}

/** Runs `work` in a fresh place. */
async function inFreshPlace(kernel, work) {
  const place = await freshPlace(kernel)
  try {
    return await work(place)
  } finally {
    await place.leave()
  }
}

module.exports = { askKernel, inFreshPlace, timeout }
