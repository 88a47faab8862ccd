// Operations as plain data: generated, executed on any client, printed, and pasted into regressions.ts.

import type { BatchOutcome, Ipvs } from '../../../lib'

export interface Call {
  /** `'services.add'`, `'flush'` */
  readonly call: string
  readonly args: readonly unknown[]
  /** Over netlink, also where the client under test is one over sockopt. */
  readonly full?: true
}

/** Several calls as one: in a batch, or made in one tick. */
export interface Together {
  readonly together: 'batch' | 'tick'
  readonly calls: readonly Call[]
  readonly full?: true
}

export type Operation = Call | Together

/** Clients of one kernel. */
export interface Side {
  /** The interface under test. */
  readonly tested: Ipvs
  /** The one that can do most. */
  readonly full: Ipvs
}

type Method = (...args: readonly unknown[]) => unknown

function method(target: unknown, call: string): Method {
  const [group, name] = call.split('.') as [string, string | undefined]
  const owner = (name === undefined ? target : (target as Record<string, unknown>)[group]) as Record<
    string,
    Method
  >
  return (...args) => (owner[name ?? group] as Method).apply(owner, args as unknown[])
}

/** `sorted`: services in an order of our own, for kernels whose order nobody can know. */
export function textOf(value: unknown, sorted = false): string {
  const text =
    JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}n` : item)) ?? 'undefined'
  if (!sorted || !Array.isArray(value)) return text
  return `[${value
    .map((item) => textOf(item))
    .sort()
    .join(',')}]`
}

interface Coded {
  readonly code?: string
  readonly errno?: number
  readonly syscall?: string
}

/** What a caller can decide by. */
function failureOf(error: unknown): string {
  const { code, errno, syscall } = error as Coded
  return [code ?? String(error), errno, syscall].filter((part) => part !== undefined).join(' ')
}

function outcomeText(outcome: BatchOutcome): string {
  return outcome.status === 'fulfilled' ? textOf(outcome.value) : failureOf(outcome.error)
}

async function resultOf(call: string, promise: unknown, sorted: boolean): Promise<string> {
  try {
    return textOf(await promise, sorted && call === 'services.list')
  } catch (error) {
    return failureOf(error)
  }
}

/** What each call of the operation came to. */
export async function perform(side: Side, operation: Operation, sorted: boolean): Promise<string[]> {
  const client = operation.full ? side.full : side.tested
  if (!('together' in operation)) {
    return [await resultOf(operation.call, method(client, operation.call)(...operation.args), sorted)]
  }
  const { calls } = operation
  if (operation.together === 'tick') {
    return Promise.all(calls.map(({ call, args }) => resultOf(call, method(client, call)(...args), sorted)))
  }
  const outcomes = await client.batch((batch) => {
    for (const { call, args } of calls) method(batch, call)(...args)
  })
  return outcomes.map(outcomeText)
}

/** Whether something was done or read, rather than refused. */
export const succeeded = (result: string): boolean => !/^E[A-Z]|^ERR_/.test(result)

/** Everything that both interfaces show, in the kernel's order unless `sorted`. */
export async function stateOf(side: Side, sorted: boolean): Promise<readonly string[]> {
  const state: string[] = []
  for (const client of new Set([side.full, side.tested])) {
    const { services } = await client.snapshot()
    const texts = services.map((one) => textOf(one))
    state.push(...(sorted ? texts.sort() : texts))
    state.push(textOf(await client.timeouts.get()))
  }
  return state
}
