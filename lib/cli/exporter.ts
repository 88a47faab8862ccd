/** /metrics and /healthz over HTTP. */

import type { IncomingMessage, Server, ServerResponse } from 'http'
import { createServer } from 'http'
import type { Ipvs } from '../client/ipvs'
import { collect } from '../metrics/collect'
import { contentType } from '../metrics/exposition'
import type { CollectOptions } from '../metrics/options'
import { explain } from './report-error'

/** The longest `timeout` of a scrape. */
const LONGEST_MS = 2_147_483_647

const TEXT = 'text/plain; charset=utf-8'
/** Milliseconds of Prometheus' patience that stay for the way back, or half of it where it is short. */
const WAY_BACK = 500

export interface ExporterOptions {
  readonly compat?: CollectOptions['compat']
}

/** Prometheus says how many seconds it waits; undefined where it does not. */
function patience({ headers }: IncomingMessage): number | undefined {
  const seconds = Number(headers['x-prometheus-scrape-timeout-seconds'])
  if (!(seconds > 0)) return undefined
  const milliseconds = Math.min(seconds * 1000, LONGEST_MS)
  return Math.max(1, Math.round(milliseconds - Math.min(WAY_BACK, milliseconds / 2)))
}

interface Page {
  readonly type: string
  readonly body: string
}

const PAGES = new Map<
  string,
  (request: IncomingMessage, ipvs: Ipvs, options: ExporterOptions) => Promise<Page>
>([
  [
    '/metrics',
    async (request, ipvs, { compat }) => ({
      type: contentType,
      body: await collect(ipvs, { compat, timeout: patience(request) }),
    }),
  ],
  [
    '/healthz',
    async (_, ipvs) => {
      await ipvs.info()
      return { type: TEXT, body: 'ok\n' }
    },
  ],
])

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  ipvs: Ipvs,
  options: ExporterOptions,
): Promise<void> {
  const send = (status: number, type: string, body: string) => {
    response.writeHead(status, { 'content-type': type })
    response.end(body)
  }
  const pathname = (request.url ?? '').replace(/\?.*$/, '')
  const page = PAGES.get(pathname)
  if (!page) {
    send(404, TEXT, `there is nothing at ${pathname}: ${Array.from(PAGES.keys()).join(', ')}\n`)
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    send(405, TEXT, 'GET and HEAD only\n')
  } else {
    try {
      const { type, body } = await page(request, ipvs, options)
      send(200, type, body)
    } catch (error) {
      send(503, TEXT, `${explain(error)}\n`)
    }
  }
}

/** An HTTP server of what `ipvs` shows. */
export const createExporter = (ipvs: Ipvs, options: ExporterOptions = {}): Server =>
  createServer((request, response) => void answer(request, response, ipvs, options))
