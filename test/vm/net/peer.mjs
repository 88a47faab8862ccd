// A machine of the test network: runs in a network namespace of its own (`unshare -n node peer.mjs`), configures it,
// serves and connects as its parent says over the IPC channel. 2.6.32 has no setns(), so nobody can do that from
// outside.
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Connections that stay open until they are released. */
const held = new Map()
let lastHeld = 0

/** What a real server tells about the connection it got: the answer to every request. */
const report = (name, { address, port }) => JSON.stringify({ server: name, peer: address, peerPort: port })

/** Without the prefix that a socket for both families puts before IPv4 addresses. */
const plain = (address) => address.replace(/^::ffff:/, '')

async function serveTcp({ name, address, port }) {
  const server = createServer({ noDelay: true }, (socket) => {
    const peer = { address: plain(socket.remoteAddress ?? ''), port: socket.remotePort }
    socket.on('data', () => socket.write(`${report(name, peer)}\n`))
    socket.on('error', () => socket.destroy())
  })
  server.listen({ host: address, port })
  await once(server, 'listening')
}

async function serveUdp({ name, address, port }) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (_, peer) => socket.send(report(name, peer), peer.port, peer.address))
  socket.bind({ address, port })
  await once(socket, 'listening')
}

/** Resolves to `{ answer }` or `{ error }`, the code of what the client saw; a deadline that passed is ETIMEDOUT. */
function exchange(socket, timeout, send, events) {
  return new Promise((resolve) => {
    const end = (result) => {
      clearTimeout(timer)
      resolve(result)
    }
    const timer = setTimeout(end, timeout, { error: 'ETIMEDOUT' })
    socket.on('error', (error) => end({ error: error.code }))
    if (events.close) socket.on(events.close, () => end({ error: 'ECLOSED' }))
    socket.on(events.answer, (data) => end({ answer: JSON.parse(String(data)) }))
    send()
  })
}

const listened = ['data', 'error', 'close']

/** Keeps a connection open, and remembers how it ended if it does so while nobody asks. */
function hold(socket) {
  const entry = { socket, ended: undefined }
  for (const event of listened) socket.removeAllListeners(event)
  socket.on('error', ({ code }) => {
    entry.ended ??= code
  })
  socket.on('close', () => {
    entry.ended ??= 'ECLOSED'
  })
  return entry
}

/** One request over one connection, which `keep` keeps open. */
async function requestTcp({ address, port, timeout, keep }) {
  const socket = createConnection({ host: address, port, noDelay: true })
  const send = () => socket.on('connect', () => socket.write('who are you?\n'))
  const result = await exchange(socket, timeout, send, { answer: 'data', close: 'close' })
  if (!keep || result.error) {
    socket.destroy()
    return result
  }
  held.set(++lastHeld, hold(socket))
  const from = { address: plain(socket.localAddress), port: socket.localPort }
  return { ...result, held: lastHeld, from }
}

/** One more request over a connection that is held. */
async function again({ id, timeout }) {
  const { socket, ended } = held.get(id)
  if (ended) return { error: ended }
  const send = () => socket.write('still there?\n')
  const result = await exchange(socket, timeout, send, { answer: 'data', close: 'close' })
  held.set(id, hold(socket))
  return result
}

/** Resolves to how the connection ended by itself, undefined while it has not. */
const endOf = async ({ id }) => held.get(id).ended

async function release({ id }) {
  const { socket } = held.get(id)
  held.delete(id)
  // FIN and not RST, and everything that comes is read, so that both ends see an orderly end.
  socket.resume()
  socket.end()
}

async function requestUdp({ address, port, timeout }) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  // Connected, so that an ICMP error reaches the socket.
  socket.connect(port, address)
  await once(socket, 'connect')
  const { address: mine, port: from } = socket.address()
  const result = await exchange(socket, timeout, () => socket.send('who are you?'), { answer: 'message' })
  socket.close()
  return result.error ? result : { ...result, from: { address: mine, port: from } }
}

const sh = async ({ script }) => (await run('/bin/sh', ['-ec', script])).stdout

const calls = { sh, serveTcp, serveUdp, requestTcp, requestUdp, again, endOf, release }

process.on('message', async ({ id, call, args }) => {
  try {
    process.send({ id, value: await calls[call](args) })
  } catch (error) {
    process.send({ id, error: `${call}: ${error.message}` })
  }
})
process.on('disconnect', () => process.exit())
