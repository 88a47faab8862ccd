/** `convert [FILE]` */

import type { RulesDialect } from '../../formats/ipvsadm/dialects'
import type { RulesLoss } from '../../formats/ipvsadm/losses'
import type { KeepalivedDialect } from '../../formats/keepalived/dialects'
import type { KeepalivedLoss } from '../../formats/keepalived/types'
import type { DesiredState } from '../../model/desired-state'
import type { Command, Invocation } from '../command'
import { CliError, EXIT, UsageError } from '../errors'
import { describeLoss } from '../losses'
import type { InputText } from '../read-input'
import { readInput } from '../read-input'
import type { ReadState } from '../read-state'
import { KEEP_GOING, KEEPALIVED_OPTIONS, readKeepalived, readRules } from '../read-state'
import { parseStateText } from '../state-text'

const RULES = ['mainline', 'alibaba-v2', 'alibaba-v3', 'dpvs'] as const
const KEEPALIVED = ['mainline', 'alibaba', 'dpvs'] as const
const TARGETS = [
  ...RULES.map((name) => `ipvsadm:${name}`),
  ...KEEPALIVED.map((name) => `keepalived:${name}`),
  'json',
]
const SOURCES = [...TARGETS, 'ipvsadm', 'yaml']

function guessSource({ name, bytes }: InputText): string {
  if (/\.(?:json|ya?ml)$/i.test(name)) return 'json'
  return /^\s*\{/.test(Buffer.from(bytes.slice(0, 4096)).toString()) ? 'json' : 'ipvsadm'
}

async function readAs(source: string, input: InputText, invocation: Invocation): Promise<ReadState> {
  const [kind, dialect] = source.split(':')
  if (kind === 'keepalived') return readKeepalived(input, dialect as KeepalivedDialect, invocation)
  if (kind === 'ipvsadm') return readRules(input, dialect as RulesDialect | undefined, invocation)
  const state = parseStateText(kind === 'yaml' ? { ...input, name: `${input.name}.yaml` } : input)
  const { checkDesiredState } = await import('../../reconcile/wanted')
  checkDesiredState(state)
  return { state, exit: EXIT.done }
}

interface Written {
  readonly text: string
  readonly losses: readonly (RulesLoss | KeepalivedLoss)[]
}

async function writeAs(target: string, state: DesiredState, { options }: Invocation): Promise<Written> {
  const [kind, dialect] = target.split(':')
  const localAddressInterface = options.text('interface')
  if (kind === 'json') return { text: `${JSON.stringify(state, null, 2)}\n`, losses: [] }
  if (kind === 'ipvsadm') {
    const { formatRules } = await import('../../formats/ipvsadm/format-rules')
    return formatRules(state, { dialect: dialect as RulesDialect, localAddressInterface })
  }
  const { formatKeepalived } = await import('../../formats/keepalived/format-keepalived')
  return formatKeepalived(state, { dialect: dialect as KeepalivedDialect, localAddressInterface })
}

export const command: Command = {
  operands: ['FILE'],
  needs: 0,
  about: [
    'Reads FILE, or standard input, in one form and prints it in another. What the other one cannot say',
    'is told on standard error, and with --lossless an error. Forms:',
    `  ${SOURCES.slice(0, 4).join(', ')}`,
    `  ${SOURCES.slice(4, 7).join(', ')}`,
    '  json, yaml (to read only): a desired state',
    '  ipvsadm (to read only): rules of the dialect that the text shows; the default, but for .json and .yaml',
  ],
  options: {
    from: { value: 'FORM', help: 'what it is' },
    to: { value: 'FORM', help: 'what it shall be' },
    interface: { value: 'NAME', help: 'of dpvs: the interface that local addresses are on' },
    lossless: { help: 'print nothing, and fail, where something would be lost' },
    ...KEEPALIVED_OPTIONS,
    ...KEEP_GOING,
  },
  director: false,
  json: false,
  nullMeans: true,
  async run(invocation) {
    const { options, operands, out, tell } = invocation
    const to = options.oneOf('to', TARGETS)
    if (to === undefined) throw new UsageError(`convert needs --to: ${TARGETS.join(', ')}`)
    const from = options.oneOf('from', SOURCES)
    const input = await readInput(operands[0] ?? '-', invocation)
    const { state, exit } = await readAs(from ?? guessSource(input), input, invocation)
    const { text, losses } = await writeAs(to, state, invocation)
    for (const loss of losses) await tell(describeLoss(loss))
    if (losses.length > 0 && options.has('lossless')) {
      throw new CliError(
        `nothing is printed: ${losses.length} of it cannot be said in ${to}`,
        'Without --lossless the rest is printed.',
      )
    }
    await out.write(text)
    return exit
  },
}
