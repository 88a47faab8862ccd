/** -S and -R. */

import type { Ipvs } from '../../client/ipvs'
import type { IpvsadmCommand } from '../../formats/ipvsadm/command-types'
import type { RulesDialect } from '../../formats/ipvsadm/dialects'
import { toJson } from '../../model/json'
import type { Invocation } from '../command'
import { CliError, EXIT } from '../errors'
import { describeLoss } from '../losses'
import { Progress } from '../progress'
import { readStandardInput } from '../read-input'
import { explain, formatProblem } from '../report-error'
import { needsCallOfItsOwn, performRule, putRule } from './perform-rule'

export async function saveRules(
  ipvs: Ipvs,
  dialect: RulesDialect,
  { out, tell, json, call }: Invocation,
): Promise<number> {
  const { formatRules } = await import('../../formats/ipvsadm/format-rules')
  const { text, losses } = formatRules(await ipvs.snapshot({ ...call, stats: false }), { dialect })
  if (json) await out.write(`${toJson({ dialect, rules: text.split('\n').filter(Boolean), losses }, 2)}\n`)
  else await out.write(text)
  for (const loss of losses) await tell(describeLoss(loss))
  return EXIT.done
}

/** Between two looks at whether somebody has interrupted. */
const PIECE = 2000

/** Those that follow each other and go into one batch, or one alone. */
function* pieces(rules: readonly IpvsadmCommand[], dialect: RulesDialect): Iterable<IpvsadmCommand[]> {
  let piece: IpvsadmCommand[] = []
  for (const rule of rules) {
    const alone = needsCallOfItsOwn(rule, dialect)
    if (piece.length > 0 && (alone || piece.length === PIECE)) {
      yield piece
      piece = []
    }
    if (alone) yield [rule]
    else piece.push(rule)
  }
  if (piece.length > 0) yield piece
}

async function performPiece(
  ipvs: Ipvs,
  piece: readonly IpvsadmCommand[],
  dialect: RulesDialect,
  call: Invocation['call'],
): Promise<(Error | undefined)[]> {
  const [first] = piece as [IpvsadmCommand]
  if (needsCallOfItsOwn(first, dialect)) {
    return [
      await performRule(ipvs, first, dialect, call).then(
        () => undefined,
        (error: Error) => error,
      ),
    ]
  }
  const outcomes = await ipvs.batch((batch) => {
    for (const rule of piece) putRule(batch, rule, dialect)
  }, call)
  return outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.error : undefined))
}

/** The whole text is read before the first rule is performed; what the kernel refuses stops nothing behind it, as in ipvsadm. */
export async function restoreRules(
  ipvs: Ipvs,
  dialect: RulesDialect,
  invocation: Invocation,
): Promise<number> {
  const { err, tell, call, globals } = invocation
  const { parseRules } = await import('../../formats/ipvsadm/parse-rules')
  const { name, bytes } = await readStandardInput(invocation)
  const { commands, errors, warnings, omitted } = parseRules(bytes, {
    dialect,
    file: name,
    table: 'unknown',
    nullMeans: globals.oneOf('null-means', ['fullnat']),
  })
  for (const problem of [...errors, ...warnings]) await tell(formatProblem(problem))
  if (omitted > 0) await tell(`${omitted} more problems are not shown`)
  // There is none among those that are not shown where none is shown.
  if (errors.length > 0) {
    throw new CliError(
      `nothing was changed: ${errors.length} of the rules cannot be`,
      'Mend them and load the text again; it is read whole before anything is done.',
      EXIT.usage,
    )
  }
  const progress = new Progress(err)
  let done = 0
  let failed = 0
  for (const piece of pieces(commands, dialect)) {
    const results = await performPiece(ipvs, piece, dialect, call)
    for (const [i, error] of results.entries()) {
      if (!error) continue
      failed++
      if ((error as { code?: string }).code === 'ABORT_ERR') continue
      const { span } = piece[i] as IpvsadmCommand
      await progress.end()
      await tell(`${name}:${span.source.position(span.offset).line}: ${explain(error)}`)
    }
    done += piece.length
    if (call.signal?.aborted) break
    await progress.show(() => `${done} of ${commands.length} rules`)
  }
  await progress.end()
  if (call.signal?.aborted) {
    throw new CliError(
      `interrupted: ${done - failed} of ${commands.length} rules are done`,
      'What was sent last may have been done: look at the table.',
      EXIT.interrupted,
    )
  }
  if (failed === 0) return EXIT.done
  throw new CliError(`${failed} of ${commands.length} rules failed; the others are done`)
}
