/** A project of its own, outside the repository, that has the packed package installed. */

import { join } from 'node:path'
import { inject } from 'vitest'
import { Project, root } from './project'

/** One in which npm has installed the package, offline. */
export class Consumer extends Project {
  readonly files = inject('tarball').files

  constructor() {
    super()
    const packages = [inject('tarball').path, `${root}node_modules/node-gyp-build`]
    const options = ['--offline', '--install-links', '--no-audit', '--no-fund', '--no-package-lock']
    const install = this.run('npm', ['install', ...options, ...packages])
    if (install.status !== 0) throw new Error(`npm install: ${install.stderr}`)
  }

  get package(): string {
    return join(this.folder, 'node_modules/ipvs-fullnat')
  }
}

let shared: Consumer | undefined

/** The one that tests share which leave it as it is. */
export function consumer(): Consumer {
  if (!shared) {
    const made = new Consumer()
    process.once('exit', () => made.remove())
    shared = made
  }
  return shared
}
