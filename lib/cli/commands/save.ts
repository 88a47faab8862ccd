/** `save [FILE]` */

import { writeTextAtOnce } from '../../host/text-files'
import type { Command } from '../command'
import { EXIT } from '../errors'

export const command: Command = {
  operands: ['FILE'],
  needs: 0,
  about: [
    'Writes everything of the director that is configured as one JSON document: to standard output, or to',
    'FILE, which is there whole or not at all. restore reads it.',
  ],
  options: { sysctls: { help: 'settings of IPVS, too: all that can be set on this kernel' } },
  director: true,
  json: false,
  async run({ options, operands, call, director, out, tell }) {
    const [path = '-'] = operands
    const { save } = await import('../../reconcile/save')
    const saved = await save(await director(), { ...call, sysctls: options.has('sysctls') })
    const text = `${JSON.stringify(saved, null, 2)}\n`
    if (path === '-') await out.write(text)
    else writeTextAtOnce(path, text)
    if (!saved.consistent) {
      await tell('the table changed all the time while it was read: something can be missing')
    }
    return EXIT.done
  },
}
