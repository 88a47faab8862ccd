// A network inside one guest: a client and the real servers in namespaces of their own, and the director between them
// in the initial one (the only one in which a FULLNAT kernel has IPVS).
//
//   client 192.168.100.2 ── veth0 192.168.100.1 (VIP) │ director │ veth2 10.0.0.1 ── 10.0.0.2, 10.0.0.3 real servers
//          fd00::2                fd00::1                                fd00:1::1    fd00:1::2, fd00:1::3
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What the director answers for, by family. */
export const vip = { ipv4: '192.168.100.1', ipv6: 'fd00::1' }
export const clients = { ipv4: '192.168.100.2', ipv6: 'fd00::2' }
/** Addresses of the director on the real servers' side: what FULLNAT connections come from. */
export const localAddresses = {
  ipv4: ['10.0.0.100', '10.0.0.101'],
  ipv6: ['fd00:1::100', 'fd00:1::101'],
}
export const realServers = { ipv4: ['10.0.0.2', '10.0.0.3'], ipv6: ['fd00:1::2', 'fd00:1::3'] }
const gateway = { ipv4: '10.0.0.1', ipv6: 'fd00:1::1' }

/** Milliseconds in which what is answered at all is answered, however busy the machine is. */
const ANSWERED_WITHIN = 120_000

const peerProgram = fileURLToPath(new URL('peer.mjs', import.meta.url))

/** Shell text in the director's own namespace. */
function direct(script) {
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-ec', script], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${script}: ${stderr || `status ${status}`}`)
  return stdout
}

const settingPath = (name) => `/proc/sys/${name.replaceAll('.', '/')}`

export const getSetting = (name) => readFileSync(settingPath(name), 'utf8').trim()

/** Kernel settings, with the way back. */
export class Settings {
  #before = new Map()

  set(name, value) {
    if (!this.#before.has(name)) this.#before.set(name, getSetting(name))
    writeFileSync(settingPath(name), String(value))
  }

  restore() {
    for (const [name, value] of this.#before) writeFileSync(settingPath(name), value)
    this.#before.clear()
  }
}

/** A process in a network namespace of its own. */
class Peer {
  #child
  #pending = new Map()
  #last = 0

  constructor() {
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc']
    // busybox's unshare becomes the program it starts, so the channel and the process id are those of Node.
    this.#child = spawn('unshare', ['-n', process.execPath, peerProgram], { stdio })
    this.#child.on('message', ({ id, value, error }) => {
      const { resolve, reject } = this.#pending.get(id)
      this.#pending.delete(id)
      if (error === undefined) resolve(value)
      else reject(new Error(error))
    })
    this.#child.on('exit', (status, signal) => this.#fail(new Error(`peer ended: ${status ?? signal}`)))
    this.#child.on('error', (error) => this.#fail(error))
  }

  #fail(error) {
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }

  get pid() {
    return this.#child.pid
  }

  call(call, args = {}) {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#child.send({ id, call, args }, (error) => error && this.#fail(error))
    })
  }

  sh(script) {
    return this.call('sh', { script })
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => {
      this.#child.once('exit', resolve)
    })
    this.#child.kill('SIGKILL')
    await gone
  }
}

/** `nodad`: an address that is being looked for on the link cannot be used for a second. */
const addressLines = (device, list) =>
  list.map(([address, length]) => {
    const nodad = address.includes(':') ? 'nodad' : ''
    return `/sbin/ip addr add ${address}/${length} dev ${device} ${nodad}`
  })

const isUp = (device) => `/sbin/ip link set ${device} up`

async function join(peer, { director, device, mine, theirs }) {
  // Before its first answer it may still be in the director's namespace: the device would stay there.
  await peer.sh(':')
  direct(
    [
      `/sbin/ip link add ${director} type veth peer name ${device}`,
      `/sbin/ip link set ${device} netns ${peer.pid}`,
      isUp(director),
      ...addressLines(director, mine),
    ].join('\n'),
  )
  await peer.sh([isUp('lo'), isUp(device), ...addressLines(device, theirs)].join('\n'))
}

/** Packets of a neighbour nobody knows yet can be lost; asking once makes both sides know each other. */
async function meet(peer, addresses) {
  const pings = addresses.map((address) => `ping -c 1 -W 60 ${address} >/dev/null`)
  await peer.sh(pings.join('\n'))
}

class Lab {
  #held = new Set()
  #forwarding = new Settings()

  constructor(client, servers) {
    this.client = client
    this.servers = servers
  }

  /** `{ answer: { server, peer, peerPort } }` or `{ error }`. `hold` keeps the connection: see `again`, `release`. */
  async request(address, port, { timeout = ANSWERED_WITHIN, hold = false } = {}) {
    const result = await this.client.call('requestTcp', { address, port, timeout, keep: hold })
    if (result.held) this.#held.add(result.held)
    return result
  }

  requestUdp(address, port, { timeout = ANSWERED_WITHIN } = {}) {
    return this.client.call('requestUdp', { address, port, timeout })
  }

  /** One more request over a held connection. */
  again(id, { timeout = ANSWERED_WITHIN } = {}) {
    return this.client.call('again', { id, timeout })
  }

  /** How a held connection ended by itself, undefined while it has not. */
  endOf(id) {
    return this.client.call('endOf', { id })
  }

  /** Ends a held connection. */
  release(id) {
    this.#held.delete(id)
    return this.client.call('release', { id })
  }

  async releaseAll() {
    for (const id of this.#held) await this.release(id)
  }

  /** The real servers answer clients through the director: what masquerading needs and FULLNAT does not. */
  async routeBack() {
    this.#forwarding.set('net.ipv4.ip_forward', 1)
    this.#forwarding.set('net.ipv6.conf.all.forwarding', 1)
    await this.servers.sh(
      `/sbin/ip route add default via ${gateway.ipv4}\n/sbin/ip -6 route add default via ${gateway.ipv6}`,
    )
  }

  async noRouteBack() {
    this.#forwarding.restore()
    await this.servers.sh('/sbin/ip route del default\n/sbin/ip -6 route del default')
  }

  /**
   * The devices of a namespace go when its last process has ended, as soon as no connection of IPVS refers to them:
   * until then 2.6.32 lets nobody make another namespace (net/core/net_namespace.c:cleanup_net).
   */
  async close() {
    this.#forwarding.restore()
    await Promise.all([this.client.stop(), this.servers.stop()])
  }
}

/** Starts it, with a TCP server on port 8080 and a UDP server on port 5353 of every real server. */
export async function startLab() {
  const client = new Peer()
  const servers = new Peer()
  const lab = new Lab(client, servers)
  try {
    await join(client, {
      director: 'veth0',
      device: 'veth1',
      mine: [
        [vip.ipv4, 24],
        [vip.ipv6, 64],
      ],
      theirs: [
        [clients.ipv4, 24],
        [clients.ipv6, 64],
      ],
    })
    await join(servers, {
      director: 'veth2',
      device: 'veth3',
      mine: [
        [gateway.ipv4, 24],
        [gateway.ipv6, 64],
        ...localAddresses.ipv4.map((address) => [address, 32]),
        ...localAddresses.ipv6.map((address) => [address, 128]),
      ],
      theirs: [
        ...realServers.ipv4.map((address) => [address, 24]),
        ...realServers.ipv6.map((address) => [address, 64]),
      ],
    })
    await Promise.all([
      meet(client, [vip.ipv4, vip.ipv6]),
      meet(servers, [gateway.ipv4, gateway.ipv6, ...localAddresses.ipv4, ...localAddresses.ipv6]),
    ])
    for (const family of ['ipv4', 'ipv6']) {
      for (const [index, address] of realServers[family].entries()) {
        const name = `rs${index + 1}`
        await servers.call('serveTcp', { name, address, port: 8080 })
        await servers.call('serveUdp', { name, address, port: 5353 })
      }
    }
    return lab
  } catch (error) {
    await lab.close()
    // What has not reached a namespace goes with none.
    for (const device of ['veth0', 'veth2']) spawnSync('/sbin/ip', ['link', 'del', device])
    throw error
  }
}
