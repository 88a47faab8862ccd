// What the sync daemon of another director would send: connections of any kind, as many as wanted, made by the kernel's own
// backup daemon. Mainline, version 1 of the protocol (ip_vs_sync.c: struct ip_vs_sync_mesg, ip_vs_sync_v4, ip_vs_sync_v6).
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'

const GROUP = '224.0.0.81'
const PORT = 8848
/** ip_vs_sync.c: IP_VS_CONN_F_TEMPLATE of ip_vs.h. */
const TEMPLATE = 0x1000
/** IPVS_OPT_PE_DATA, IPVS_OPT_PE_NAME */
const ENGINE_DATA = 2
const ENGINE_NAME = 3
/** Fits an Ethernet frame, which is what the daemon expects by default. */
const LONGEST = 1400

function ipv6Bytes(address) {
  const [head, tail] = address.split('::')
  const groups = (text) => (text ? text.split(':').map((group) => Number.parseInt(group, 16)) : [])
  const [before, after] = [groups(head), groups(tail)]
  const all = [...before, ...new Array(8 - before.length - after.length).fill(0), ...after]
  return all.flatMap((group) => [group >> 8, group & 255])
}

const addressBytes = (address) => (isIPv6(address) ? ipv6Bytes(address) : address.split('.').map(Number))

function optionBytes(type, text) {
  const bytes = Buffer.from(text, 'latin1')
  return [type, bytes.length, ...bytes]
}

/** `{ protocol, client, virtual, destination: [address, port], state, timeout, template?, engine?: { name, data } }` */
function entry({ protocol, client, virtual, destination, state, timeout, template = false, engine }) {
  const six = isIPv6(client[0])
  const options = engine
    ? [...optionBytes(ENGINE_DATA, engine.data), ...optionBytes(ENGINE_NAME, engine.name)]
    : []
  const size = (six ? 72 : 36) + options.length
  const bytes = Buffer.alloc((size + 3) & ~3)
  bytes.writeUInt8(six ? 1 : 0, 0)
  bytes.writeUInt8(protocol, 1)
  bytes.writeUInt16BE(size, 2)
  bytes.writeUInt32BE(template ? TEMPLATE : 0, 4)
  bytes.writeUInt16BE(state, 8)
  bytes.writeUInt16BE(client[1], 10)
  bytes.writeUInt16BE(virtual[1], 12)
  bytes.writeUInt16BE(destination[1], 14)
  bytes.writeUInt32BE(timeout, 20)
  const addresses = [client, virtual, destination].flatMap(([address]) => addressBytes(address))
  Buffer.from([...addresses, ...options]).copy(bytes, 24)
  return bytes
}

function message(syncId, entries) {
  const header = Buffer.alloc(8)
  const size = entries.reduce((sum, { length }) => sum + length, header.length)
  header.writeUInt8(syncId, 1)
  header.writeUInt16BE(size, 2)
  header.writeUInt8(entries.length, 4)
  header.writeInt8(1, 5)
  return Buffer.concat([header, ...entries])
}

/** Sends `connections` (iterable) through the interface that has `address`; `pause` comes after every so many messages. */
export async function sendConnections(connections, { syncId, address, every = 32, pause = async () => {} }) {
  const socket = createSocket('udp4')
  socket.bind(0, address)
  await once(socket, 'listening')
  socket.setMulticastInterface(address)
  socket.setMulticastLoopback(true)
  let entries = []
  let size = 8
  let sent = 0
  const flush = async () => {
    if (entries.length === 0) return
    const bytes = message(syncId, entries)
    await new Promise((resolve, reject) => {
      socket.send(bytes, PORT, GROUP, (error) => (error ? reject(error) : resolve()))
    })
    entries = []
    size = 8
    if (++sent % every === 0) await pause()
  }
  for (const one of connections) {
    const bytes = entry(one)
    if (size + bytes.length > LONGEST) await flush()
    entries.push(bytes)
    size += bytes.length
  }
  await flush()
  socket.close()
}
