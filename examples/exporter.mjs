// Metrics for Prometheus: the heart of `ipvs-fullnat exporter`, which has options, /healthz and a clean end besides.
//
//   node examples/exporter.mjs
//
// Needs CAP_NET_ADMIN and a kernel with ip_vs: docs/install.md.
import { createServer } from 'node:http'
import { Ipvs } from 'ipvs-fullnat'
import { collect, contentType } from 'ipvs-fullnat/metrics'

const ipvs = await Ipvs.open()
createServer(async (_, response) => {
  try {
    response.setHeader('content-type', contentType).end(await collect(ipvs))
  } catch (error) {
    response.writeHead(503).end(`${error.message}\n`)
  }
}).listen(9733, '127.0.0.1')
