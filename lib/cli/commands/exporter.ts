/** `exporter` */

import type { Command, Invocation } from '../command'
import { CliError, EXIT } from '../errors'
import { createExporter } from '../exporter'

/** Milliseconds that the first look at a kernel may take. */
const START_MS = 60_000

/** The signal that came; on Node 10 the process's own event, too. */
const untilSignal = ({ io }: Invocation): Promise<string> =>
  new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM']) io.signals?.once(name, () => resolve(name))
  })

export const command: Command = {
  operands: [],
  about: [
    'Serves what the director shows to Prometheus: /metrics, and /healthz for whoever looks after this',
    'process. docs/metrics.md has the families.',
  ],
  options: {
    port: { value: 'PORT', help: 'default 9733, 0 for any that is free' },
    address: { value: 'ADDRESS', help: 'default 127.0.0.1' },
    compat: { value: 'NAMES', help: 'node_exporter: its node_ipvs_* families besides' },
  },
  director: true,
  json: false,
  ownSignals: true,
  async run(invocation) {
    const { options, globals, out, director } = invocation
    const port = options.whole('port', 0, 65535) ?? 9733
    const address = options.text('address') ?? '127.0.0.1'
    const compat = options.oneOf('compat', ['node_exporter'])
    const signal = untilSignal(invocation)
    const ipvs = await director()
    const { collect } = await import('../../metrics/collect')
    // Says now what is wrong, and not to Prometheus.
    await collect(ipvs, { compat, timeout: START_MS })
    const server = createExporter(ipvs, { compat })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(new CliError(error.message, 'Take another one: --port, --address.')),
      )
      server.listen(port, address, resolve)
    })
    const host = address.includes(':') ? `[${address}]` : address
    const fake = globals.text('fake')
    const what =
      fake === undefined ? ipvs.dialect : `FakeKernel in ${fake}, NOT A REAL KERNEL, as ${ipvs.dialect}`
    await out.write(
      `serving ${what} at http://${host}:${(server.address() as { readonly port: number }).port}/metrics\n`,
    )
    await out.write(`${await signal}: goodbye\n`)
    // Answers that are under way go out; what is only kept open does not hold us up.
    const closed = new Promise((resolve) => server.once('close', resolve))
    server.close()
    server.closeIdleConnections?.()
    await closed
    return EXIT.done
  },
}
