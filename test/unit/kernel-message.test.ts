import { describe, expect, it } from 'vitest'
import { outcomeFlags, Syscall } from '../../lib/border/layout.gen'
import { emptySections, packReply } from '../../lib/border/pack-reply'
import { Reply } from '../../lib/border/reply'
import { outcomeError } from '../../lib/kernel/outcome-error'

const outcome = { requestIndex: 1, error: 22, syscall: Syscall.sendmsg, flags: outcomeFlags.sent }

describe("the kernel's own words", () => {
  it('come over the border beside the outcome of their request', () => {
    const sections = emptySections()
    sections.outcomes.push(outcome)
    sections.messages.push({ requestIndex: 1, text: 'Attribute failed policy validation' })
    const reply = new Reply(packReply(sections, false))
    expect(reply.messageOf(1)).toBe('Attribute failed policy validation')
    expect(reply.messageOf(0)).toBeUndefined()
  })

  it('are cut to what the record holds', () => {
    const sections = emptySections()
    sections.messages.push({ requestIndex: 0, text: 'x'.repeat(300) })
    expect(new Reply(packReply(sections, false)).messageOf(0)).toBe('x'.repeat(123))
  })

  it('are a property of the error, and not of its message', () => {
    const error = outcomeError(outcome, 'services.add', {}, 'mainline', 'Attribute failed policy validation')
    expect(error.kernelMessage).toBe('Attribute failed policy validation')
    expect(error.toJSON()).toMatchObject({
      code: 'EINVAL',
      kernelMessage: 'Attribute failed policy validation',
    })
    expect(error.message).not.toContain('policy')
    expect(outcomeError(outcome, 'services.add', {}, 'mainline').kernelMessage).toBeUndefined()
  })
})
