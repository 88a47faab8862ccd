/** What a consumer of the package runs, in JavaScript that Node 10 reads. */

export const SUBPATHS = ['testing', 'metrics', 'formats', 'reconcile', 'diagnose'] as const

const WORK = `
  var kernel = new testing.FakeKernel({ dialect: 'fullnat-v3', cpus: 2 })
  async function main() {
    var ipvs = await main_.Ipvs.open({ transport: kernel.transport() })
    var service = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
    await ipvs.services.add(Object.assign({ scheduler: 'rr' }, service))
    await ipvs.destinations.add(service, { address: '10.0.0.5', port: 8080, forwarding: 'fullnat' })
    for (var last = 1; last <= 2; last++) await ipvs.localAddresses.add(service, '10.0.1.' + last)
    var state = formats.parseRules('-A -t 192.0.2.9:80 -s wrr\\n', { dialect: 'mainline' }).state
    console.log(ipvs.dialect, (await ipvs.localAddresses.list(service)).length,
      (await reconcile.plan(ipvs, state)).steps.length > 0, /ipvs_up 1/.test(await metrics.collect(ipvs)),
      Array.isArray((await diagnose.diagnose(ipvs, { interval: 1 })).findings))
    await ipvs.close()
    console.log(await main_.Ipvs.open(OPTIONS).then(
      function (real) { return 'opened ' + real.dialect },
      function (error) { return error.code + ' ' + error.operation }))
  }
  main().catch(function (error) { console.log(error); process.exitCode = 1 })
`

/** `options` goes to \`Ipvs.open\` of the real kernel: a JavaScript expression. */
export const commonJs = (options = '{}'): string => `var main_ = require('ipvs-fullnat')
${SUBPATHS.map((name) => `var ${name} = require('ipvs-fullnat/${name}')`).join('\n')}
${WORK.replace('OPTIONS', options)}`

export const esModule = (options = '{}', imports = ''): string => `import * as main_ from 'ipvs-fullnat'
${SUBPATHS.map((name) => `import * as ${name} from 'ipvs-fullnat/${name}'`).join('\n')}
${imports}
${WORK.replace('OPTIONS', options)}`

/** That the addon loaded shows in what the kernel was found to be. */
export const SAID = /^fullnat-v3 2 true true true\n(?:ERR_IPVS_NOT_LOADED open|EPERM open|opened [\w-]+)\n$/
