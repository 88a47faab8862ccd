// Packs what the guest gets: the project as it is built, the packages its tests need, the kernel's
// own ipvsadm, and job.sh.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { packageClosure } from './closure.mjs'
import { run } from './command.mjs'

/** What the project's own files are, relative to its top; those that exist are packed. */
export const projectParts = ['package.json', 'dist', 'lib', 'test', 'examples', 'prebuilds']

/** What the tests in the guest import, beside the project's own dependencies. */
export const testPackages = ['vitest', 'fast-check']

const builtFolder = 'build/Release'

function existingParts(project, parts) {
  const list = parts.filter((path) => existsSync(join(project, path)))
  // Vite looks for the TypeScript settings when it compiles a test.
  list.push(...readdirSync(project).filter((name) => /^tsconfig.*\.json$/.test(name)))
  const built = join(project, builtFolder)
  if (!existsSync(built)) return list
  const addons = readdirSync(built).filter((name) => name.endsWith('.node'))
  return [...list, ...addons.map((name) => `${builtFolder}/${name}`)]
}

/** The run-time dependencies of the project itself. */
function ownDependencies(project) {
  const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  return Object.keys(manifest.dependencies ?? {})
}

/** A word for sh. */
const quote = (value) => `'${String(value).replaceAll("'", "'\\''")}'`

function jobScript({ script, env }) {
  const lines = Object.entries(env).map(([key, value]) => `export ${key}=${quote(value)}`)
  return ['export CI=1 NO_COLOR=1', ...lines, 'cd /work/project || exit 1', script, ''].join('\n')
}

/**
 * Writes a tar which unpacks to /work/project, /work/oracle, /work/job.sh (and `files`: names below
 * /work to host paths). `script` is shell text that runs in /work/project with `env` set; it leaves
 * what the host shall see in /work/out. Returns the path of the tar.
 */
export function packJob(options) {
  const { project, kernel, workDir, script, env = {}, files = {} } = options
  const { parts = projectParts, packages = testPackages } = options
  mkdirSync(workDir, { recursive: true })
  const tar = join(workDir, 'job.tar')
  const paths = [
    ...existingParts(project, parts),
    ...packageClosure(project, [...packages, ...ownDependencies(project)]),
  ]
  const exclude = ['--exclude=*.map', '--exclude=node_modules/.cache', '--exclude=node_modules/.vite']
  const rename = ['--transform', 's,^,project/,']
  const common = ['--format=gnu', '--owner=0', '--group=0']
  run('tar', [...common, ...exclude, ...rename, '-cf', tar, '-C', project, ...paths])

  const extra = join(workDir, 'extra')
  rmSync(extra, { recursive: true, force: true })
  mkdirSync(join(extra, 'oracle'), { recursive: true })
  for (const path of kernel.oracleFiles) {
    copyFileSync(path, join(extra, 'oracle', basename(path)))
    chmodSync(join(extra, 'oracle', basename(path)), 0o755)
  }
  for (const [name, source] of Object.entries(files)) {
    const path = join(extra, name)
    mkdirSync(join(path, '..'), { recursive: true })
    copyFileSync(source, path)
  }
  writeFileSync(join(extra, 'job.sh'), jobScript({ script, env }))
  run('tar', [...common, '-rf', tar, '-C', extra, '.'])
  return tar
}
