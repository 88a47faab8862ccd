/**
 * A tracing channel of Node's `diagnostics_channel` (14.17 and later), for what begins and ends later. Without a subscriber
 * nothing is made for it.
 */

interface Channel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
}

function openChannel(name: string): Channel {
  try {
    return (require('diagnostics_channel') as { channel(name: string): Channel }).channel(name)
  } catch {
    // An older Node has none.
    return { hasSubscribers: false, publish: () => {} }
  }
}

export class TraceChannel {
  private readonly start: Channel
  private readonly asyncEnd: Channel
  private readonly error: Channel

  constructor(name: string) {
    this.start = openChannel(`tracing:${name}:start`)
    this.asyncEnd = openChannel(`tracing:${name}:asyncEnd`)
    this.error = openChannel(`tracing:${name}:error`)
  }

  get active(): boolean {
    return this.start.hasSubscribers || this.asyncEnd.hasSubscribers || this.error.hasSubscribers
  }

  begin(context: object): void {
    this.start.publish(context)
  }

  end(context: { readonly error: unknown }): void {
    if (context.error !== undefined) this.error.publish(context)
    this.asyncEnd.publish(context)
  }
}
