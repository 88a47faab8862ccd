/** Which services a `Reconciler` made. */

import { serviceKeyId } from '../model/keys'
import type { ServiceKey } from '../model/types'
import type { Applied } from './apply-types'
import type { Plan } from './plan-types'
import type { WantedState } from './wanted-types'

export class RememberedServices {
  private readonly services: Map<string, ServiceKey> | undefined
  /** Has been handed to `keep` as it is. */
  private isKept = true

  /** Undefined: every service of the scope is ours, and nothing is remembered. */
  constructor(
    remembered: readonly ServiceKey[] | undefined,
    private readonly keep: ((services: readonly ServiceKey[]) => unknown) | undefined,
  ) {
    this.services = remembered && new Map(remembered.map((key) => [serviceKeyId(key), key] as const))
  }

  get list(): readonly ServiceKey[] | undefined {
    return this.services && Array.from(this.services.values())
  }

  /**
   * Before the plan is done: a process that is killed in the middle must know what it made. Whatever is wanted and not reported
   * is ours from now on, which is what the plan adds and, with `adopt`, what it takes over.
   */
  async before(wanted: WantedState, { steps }: Plan): Promise<void> {
    const { services } = this
    if (!services) return
    const told = new Set<string>()
    for (const step of steps) {
      if (step.verb === 'report' && step.kind === 'service') told.add(serviceKeyId(step.service))
    }
    const before = services.size
    wanted.services?.forEach(({ key }, id) => {
      if (!told.has(id)) services.set(id, key)
    })
    if (services.size > before) this.isKept = false
    await this.keepAll()
  }

  /** What is gone is no longer ours, and what somebody else was faster to add is theirs. */
  async after({ outcomes }: Applied, adopt: boolean): Promise<void> {
    const { services } = this
    if (!services) return
    const before = services.size
    for (const { step, status } of outcomes) {
      if (step.kind !== 'service') continue
      const gone = step.verb === 'remove' && (status === 'done' || status === 'already')
      const theirs = step.verb === 'add' && status === 'already' && !adopt
      if (gone || theirs) services.delete(serviceKeyId(step.service))
    }
    if (services.size < before) this.isKept = false
    await this.keepAll()
  }

  /** Again with the next plan where it could not be kept. */
  private async keepAll(): Promise<void> {
    if (this.isKept) return
    await this.keep?.(this.list as readonly ServiceKey[])
    this.isKept = true
  }
}
