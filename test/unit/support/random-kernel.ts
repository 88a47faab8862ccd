/** A kernel that answers as numbers say that are drawn at random: late, wrongly, or not at all. */

import { outcomeFlags, type ReadRequest } from './border'
import {
  type Answer,
  destinationRecord,
  EEXIST,
  ENOENT,
  FILES,
  localAddressRecord,
  PROBES,
  ScriptedTransport,
  serviceRecord,
} from './scripted-transport'

/** A number below `bound`; the same ones for the same seed. */
export type Draw = (bound: number) => number

export function drawsOf(seed: number): Draw {
  let state = seed >>> 0
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

/** What a look for the family finds. `broken` is a transport's plain Error. */
export type Look = 'found' | 'EMFILE' | 'EPERM' | 'ETIMEDOUT' | 'other module' | 'broken'

/** How often, of 1000, something happens to a request or a trip. */
export interface Moods {
  /** The family is gone. */
  readonly gone: number
  /** An errno. */
  readonly refused: number
  /** No outcome. */
  readonly nothing: number
  /** The trip has no reply that can be read, or the transport itself fails. */
  readonly broken: number
}

export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

export class RandomKernel extends ScriptedTransport {
  look: Look = 'found'
  moods: Moods = { gone: 0, refused: 0, nothing: 0, broken: 0 }
  /** Ports of destinations about which a request was executed, or may have been. */
  readonly reached = new Set<number>()
  private running: Promise<unknown> = Promise.resolve()

  constructor(private readonly draw: Draw) {
    super('fullnat-v2')
    this.script = (request) => this.answerOf(request)
    const { listSysctls } = this.files
    Object.assign(this.files, {
      listSysctls: async () => {
        if (this.look === 'broken') throw new Error('no files today')
        return listSysctls()
      },
    })
  }

  override run(request: ArrayBuffer, onReply: (reply: ArrayBuffer) => void): Promise<void> {
    this.takeLook()
    if (this.happens(this.moods.broken)) {
      if (this.draw(2) === 0) throw new Error('the transport throws')
      return this.later().then(() => Promise.reject(new Error('the transport rejects')))
    }
    // Jobs end in the order in which they were handed over, each after turns of its own.
    const job = this.running.then(async () => {
      await this.later()
      const replies: ArrayBuffer[] = []
      this.chunk = 1 + this.draw(4)
      await super.run(request, (reply) => replies.push(reply))
      for (const reply of replies) {
        if (this.happens(this.moods.broken)) onReply(new ArrayBuffer(this.draw(64)))
        onReply(reply)
        if (this.happens(this.moods.broken)) onReply(reply)
        await this.later()
      }
    })
    this.running = job.catch(() => {})
    return job
  }

  private later(): Promise<void> {
    const turns = this.draw(4)
    const wait = async () => {
      for (let i = 0; i < turns; i++) await turn()
    }
    return wait()
  }

  private happens(mood: number): boolean {
    return mood > 0 && this.draw(1000) < mood
  }

  private takeLook(): void {
    const errors = { EMFILE: 24, EPERM: 1, ETIMEDOUT: 110 } as const
    const { look } = this
    this.evidence = FILES['fullnat-v2']
    this.probe = PROBES['fullnat-v2']
    if (look === 'other module') {
      this.probe = PROBES.mainline
      this.evidence = FILES.mainline
    } else if (look in errors) {
      const netlinkError = errors[look as keyof typeof errors]
      this.probe = { ...this.probe, familyId: 0, commands: BigInt(0), netlinkError, netlinkSyscall: 1 }
    }
  }

  private answerOf({ operation, target, service }: ReadRequest): Answer | null | undefined {
    const { moods } = this
    if (this.happens(moods.gone)) return { errno: 2, flags: outcomeFlags.familyChanged }
    if (target) this.reached.add(target.port)
    if (this.happens(moods.nothing)) return null
    const errno = this.happens(moods.refused) ? [ENOENT, EEXIST, 22, 4][this.draw(4)] : undefined
    // A list can fail at its end.
    const end = errno === undefined ? {} : { errno }
    const many = this.draw(3)
    const each = <T>(make: (i: number) => T): T[] => Array.from({ length: many }, (_, i) => make(i))
    const address = '192.0.2.1'
    switch (operation) {
      case 'serviceGet':
        return { ...end, services: errno === undefined ? [serviceRecord(address, service?.port ?? 80)] : [] }
      case 'serviceList':
        return { ...end, services: each((i) => serviceRecord(address, 80 + i)) }
      case 'destinationList':
        return { ...end, destinations: each((i) => destinationRecord('10.0.0.1', 1000 + i)) }
      case 'localAddressList':
        return { ...end, localAddresses: each((i) => localAddressRecord(`10.1.0.${i + 1}`)) }
      default:
        return end
    }
  }
}
