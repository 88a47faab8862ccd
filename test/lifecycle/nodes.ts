// @ts-expect-error: a script without types
import { nodeBinary, oldestNode } from '../../scripts/vm/nodes.mjs'
import type { Options } from './run-fixture'

/** Undefined where it cannot be had; then the tests of it are skipped, by name. */
async function oldest(): Promise<string | undefined> {
  if (process.arch !== 'x64') return undefined
  try {
    return await nodeBinary(oldestNode)
  } catch (error) {
    console.warn(`Node ${oldestNode} cannot be fetched: ${(error as Error).message}`)
    return undefined
  }
}

const binary = await oldest()

/** The Node that runs the tests and the oldest one: how to start fixtures with them. */
export const nodes: readonly { name: string; skip: boolean; options: Options }[] = [
  { name: process.version, skip: false, options: {} },
  {
    name: `v${oldestNode}`,
    skip: binary === undefined,
    options: { binary, node: ['--experimental-worker', '--no-warnings'] },
  },
]
