// Runs a program to its end. Errors carry what the program said.
import { spawnSync } from 'node:child_process'

const maxBuffer = 512 * 1024 * 1024

export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer, ...options })
  if (result.error) throw new Error(`${command}: ${result.error.message}`)
  if (result.status !== 0) {
    const said = String(result.stderr || result.stdout || '').trim()
    const error = new Error(`${command} ${args.join(' ')}: status ${result.status}\n${said}`)
    error.status = result.status
    throw error
  }
  return result.stdout
}

/** One line on why it failed: what apt and dpkg call an error, or else the first line. */
export function reason(error) {
  const lines = error.message.trim().split('\n')
  return lines.find((line) => /^E: /.test(line))?.slice('E: '.length) ?? lines[0]
}
