// Serves what the director shows to Prometheus: /metrics, and /healthz for whoever looks after this process.
//
//   node examples/exporter.mjs [--port 9733] [--address 127.0.0.1] [--compat node_exporter] [--fake mainline]
//
// --compat node_exporter adds the node_ipvs_* families under the names that dashboards know. --fake serves the table of a kernel
// in the memory of this process, for a look at the output: mainline, fullnat-v2 or fullnat-v3.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Ipvs } from 'ipvs-fullnat'
import { collect, contentType } from 'ipvs-fullnat/metrics'

const TEXT = 'text/plain; charset=utf-8'
/** Milliseconds of Prometheus' patience that stay for the way back. */
const WAY_BACK = 500
/** Milliseconds that the first look at a kernel may take. */
const START_MS = 60_000

/** Prometheus says how many seconds it waits; undefined where it does not. */
function patience({ headers }) {
  const seconds = Number(headers['x-prometheus-scrape-timeout-seconds'])
  return seconds > 0 ? Math.max(1, Math.round(seconds * 1000) - WAY_BACK) : undefined
}

const explain = (error) => [error.message, error.hint].filter(Boolean).join('\n')

/** What is at a path: { type, body }. */
const PAGES = {
  '/metrics': async (request, { ipvs, compat }) => ({
    type: contentType,
    body: await collect(ipvs, { compat, timeout: patience(request) }),
  }),
  '/healthz': async (_, { ipvs }) => {
    await ipvs.info()
    return { type: TEXT, body: 'ok\n' }
  },
}

async function answer(request, response, context) {
  const send = (status, type, body) => response.writeHead(status, { 'content-type': type }).end(body)
  const pathname = request.url.replace(/\?.*$/, '')
  if (!Object.hasOwn(PAGES, pathname)) {
    send(404, TEXT, `there is nothing at ${pathname}: ${Object.keys(PAGES).join(', ')}\n`)
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    send(405, TEXT, 'GET and HEAD only\n')
  } else {
    try {
      const { type, body } = await PAGES[pathname](request, context)
      send(200, type, body)
    } catch (error) {
      send(503, TEXT, `${explain(error)}\n`)
    }
  }
}

/** An HTTP server of what `ipvs` shows. */
export function createExporter(ipvs, { compat } = {}) {
  return createServer((request, response) => answer(request, response, { ipvs, compat }))
}

/** A table to look at: two services with traffic. */
async function openFake(dialect) {
  const { FakeKernel } = await import('ipvs-fullnat/testing')
  const kernel = new FakeKernel({ dialect, cpus: 2 })
  const ipvs = await Ipvs.open({ transport: kernel.transport() })
  const forwarding = ipvs.capabilities.fullnat ? 'fullnat' : 'masquerade'
  const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
  for (const service of [web, { fwmark: 7, family: 'ipv6' }]) {
    await ipvs.services.add({ ...service, scheduler: 'rr' })
    const addresses = service.fwmark ? ['2001:db8::5'] : ['10.9.0.5', '10.9.0.6']
    for (const address of addresses) await ipvs.destinations.add(service, { address, port: 8080, forwarding })
  }
  if (ipvs.capabilities.localAddresses) await ipvs.localAddresses.set(web, ['10.1.0.1', '10.1.0.2'])
  for (let port = 40000; port < 40006; port++) {
    const { connection } = kernel.attempt({ client: `198.51.100.7:${port}`, service: web })
    connection?.traffic({ inPackets: 5, inBytes: 300, outPackets: 4, outBytes: 2600 })
  }
  // Mainline shows traffic when its estimator has come by.
  kernel.advance(2)
  return ipvs
}

async function main() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '9733' },
      address: { type: 'string', default: '127.0.0.1' },
      compat: { type: 'string' },
      fake: { type: 'string' },
    },
  })
  const { address, compat, fake } = values
  const port = Number(values.port)
  if (!(Number.isInteger(port) && port >= 0 && port <= 65535))
    throw new Error(`--port ${values.port}: no port`)
  const ipvs = fake === undefined ? await Ipvs.open() : await openFake(fake)
  try {
    // Says now what is wrong with --compat, and not to Prometheus.
    await collect(ipvs, { compat, timeout: START_MS })
    const server = createExporter(ipvs, { compat })
    server.listen(port, address)
    await once(server, 'listening')
    const host = address.includes(':') ? `[${address}]` : address
    const what = fake === undefined ? ipvs.dialect : `FakeKernel, NOT A REAL KERNEL, as ${ipvs.dialect}`
    console.log(`serving ${what} at http://${host}:${server.address().port}/metrics`)

    const signals = ['SIGINT', 'SIGTERM'].map(async (name) => {
      await once(process, name)
      return name
    })
    console.log(`${await Promise.race(signals)}: goodbye`)
    // Answers that are under way go out; what is only kept open does not hold us up.
    server.close()
    server.closeIdleConnections()
    await once(server, 'close')
  } finally {
    await ipvs.close()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    console.error(explain(error))
    process.exitCode = 1
  })
}
