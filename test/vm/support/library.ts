// The library as it ships: the built CommonJS package, not the TypeScript beside it.

import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

const require = createRequire(import.meta.url)

/** Top of the project in the guest. */
export const project = resolve(import.meta.dirname, '../../..')

export const library: typeof import('../../../lib') = require(join(project, 'dist'))

export const metrics: typeof import('../../../lib/metrics') = require(join(project, 'dist/metrics'))

export const doctor: typeof import('../../../lib/diagnose') = require(join(project, 'dist/diagnose'))

/** For clients that must succeed, however busy the machine is. */
export const PATIENT = { timeout: 120_000 } as const

export const { openNativeTransport }: typeof import('../../../lib/host/native-transport') = require(
  join(project, 'dist/host/native-transport'),
)
