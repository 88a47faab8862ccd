// The full cycle of add, list, change and remove on Nodes that have no vitest, with the JavaScript that ships and the addon of
// build/Release (test/package tries prebuilds). Prints 'ok NAME' or 'not ok NAME' per step; leaves with 1 when a step failed.

// Node 10 knows no 'node:'.
// biome-ignore lint/style/useNodejsImportProtocol: see above
const assert = require('assert')
// biome-ignore lint/style/useNodejsImportProtocol: see above
const { inspect } = require('util')
const { Ipvs, IpvsError, formatServiceKey, parseServiceKey } = require('../../dist')

const WEB = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const WEB6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 }
const MARK = { fwmark: 7, family: 'ipv4' }
const A = { address: '198.51.100.1', port: 8080 }

/** However busy the machine is. */
const PATIENT = { timeout: 120000 }

let failed = 0

async function step(name, run) {
  try {
    await run()
    console.log(`ok ${name}`)
  } catch (error) {
    failed++
    console.log(`not ok ${name}`)
    console.log(`    ${inspect(error)}`.replace(/\n/g, '\n    '))
  }
}

async function rejected(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('resolved instead of being rejected')
}

async function collect(items) {
  const found = []
  for await (const item of items) found.push(item)
  return found
}

async function services(ipvs, can) {
  await step('add a service', async () => {
    assert.strictEqual(await ipvs.services.add({ ...WEB, scheduler: 'rr' }), undefined)
    const info = await ipvs.services.get(WEB)
    assert.strictEqual(info.scheduler, 'rr')
    assert.strictEqual(info.family, 'ipv4')
    assert.strictEqual(typeof info.stats.connections, 'bigint')
  })
  await step('list and iterate services', async () => {
    const list = await ipvs.services.list()
    assert.strictEqual(list.length, 1)
    assert.deepStrictEqual(await collect(ipvs.services.iterate()), list)
  })
  await step('set, update and ensure a service', async () => {
    await ipvs.services.set({ ...WEB, scheduler: 'wrr', persistence: { timeout: 60 } })
    await ipvs.services.update(WEB, { scheduler: 'sh' })
    const { scheduler, persistence } = await ipvs.services.get(WEB)
    assert.strictEqual(scheduler, 'sh')
    assert.deepStrictEqual(persistence, { timeout: 60, netmask: '255.255.255.255' })
    const same = { ...WEB, scheduler: 'sh', persistence: { timeout: 60 } }
    assert.strictEqual(await ipvs.services.ensure(same), 'unchanged')
    assert.strictEqual(await ipvs.services.ensure({ ...WEB, scheduler: 'wlc' }), 'changed')
  })
  await step('IPv6 and fwmark services', async () => {
    assert.strictEqual(await ipvs.services.ensure(WEB6), 'added')
    await ipvs.services.add(MARK)
    const keys = (await ipvs.services.list()).map((info) => formatServiceKey(info))
    assert.deepStrictEqual(keys.sort(), ['fwmark 7', 'tcp 192.0.2.1:80', 'tcp [2001:db8::1]:80'])
    assert.deepStrictEqual(parseServiceKey('fwmark 7'), MARK)
  })
  if (can.synproxy) {
    await step('SYNPROXY', async () => {
      await ipvs.services.update(WEB, { synproxy: true })
      assert.strictEqual((await ipvs.services.get(WEB)).synproxy, true)
    })
  }
  if (can.establishedTimeout) {
    await step('established timeout is kept', async () => {
      await ipvs.services.update(WEB, { establishedTimeout: 900 })
      await ipvs.services.set({ ...WEB, scheduler: 'rr' })
      assert.strictEqual((await ipvs.services.get(WEB)).establishedTimeout, 900)
    })
  }
}

async function destinations(ipvs, can) {
  const forwarding = can.fullnat ? 'fullnat' : 'masquerade'
  await step('add, set, update, ensure and remove a destination', async () => {
    await ipvs.destinations.add(WEB, { ...A, forwarding, weight: 2 })
    await ipvs.destinations.set(WEB, { ...A, forwarding, weight: 3, upperThreshold: 9 })
    await ipvs.destinations.update(WEB, A, { weight: 4 })
    const info = await ipvs.destinations.get(WEB, A)
    assert.strictEqual(info.forwarding, forwarding)
    assert.strictEqual(info.weight, 4)
    assert.strictEqual(info.upperThreshold, 9)
    assert.strictEqual(await ipvs.destinations.ensure(WEB, info), 'unchanged')
    await ipvs.destinations.remove(WEB, A)
    assert.deepStrictEqual(await ipvs.destinations.list(WEB), [])
  })
  await step('1,000 destinations by batch', async () => {
    const outcomes = await ipvs.batch((batch) => {
      for (let port = 1; port <= 1000; port++) {
        batch.destinations.add(WEB, { address: '198.51.100.9', port, forwarding })
      }
    })
    assert.ok(outcomes.every(({ status }) => status === 'fulfilled'))
    const list = await ipvs.destinations.list(WEB)
    assert.strictEqual(new Set(list.map(({ port }) => port)).size, 1000)
    assert.deepStrictEqual(await collect(ipvs.destinations.iterate(WEB)), list)
  })
  await step('snapshot', async () => {
    const { services, consistent } = await ipvs.snapshot({ consistent: true })
    assert.strictEqual(consistent, true)
    assert.strictEqual(services.length, 3)
    const web = services.find(({ service }) => service.address === '192.0.2.1')
    assert.strictEqual(web.destinations.length, 1000)
  })
}

async function localAddresses(ipvs, can) {
  if (!can.localAddresses) {
    await step('local addresses are refused', async () => {
      const error = await rejected(ipvs.localAddresses.list(WEB))
      assert.strictEqual(error.code, 'ERR_IPVS_UNSUPPORTED')
    })
    return
  }
  await step('add, set, ensure and remove local addresses', async () => {
    await ipvs.localAddresses.add(WEB, '10.77.1.1')
    const changes = await ipvs.localAddresses.set(WEB, ['10.77.1.1', '10.77.1.2'])
    assert.deepStrictEqual(changes, { added: ['10.77.1.2'], removed: [] })
    assert.strictEqual(await ipvs.localAddresses.ensure(WEB, '10.77.1.2'), 'unchanged')
    await ipvs.localAddresses.remove(WEB, '10.77.1.1')
    assert.deepStrictEqual(await ipvs.localAddresses.list(WEB), [
      { address: '10.77.1.2', portConflicts: BigInt(0), connections: 0 },
    ])
  })
}

async function errors(ipvs) {
  await step('errors of the kernel', async () => {
    const error = await rejected(ipvs.services.add(WEB))
    assert.ok(error instanceof IpvsError)
    assert.strictEqual(error.code, 'EEXIST')
    assert.strictEqual(error.errno, -17)
    assert.strictEqual(error.message, 'EEXIST: service already exists, services.add tcp 192.0.2.1:80')
    assert.deepStrictEqual(error.service, WEB)
    assert.ok(error.hint)
  })
  await step('errors of arguments', async () => {
    const error = await rejected(ipvs.services.add({ ...WEB, port: 70000 }))
    assert.ok(error instanceof RangeError)
    assert.strictEqual(error.code, 'ERR_OUT_OF_RANGE')
  })
}

async function globals(ipvs, can) {
  await step('timeouts and info', async () => {
    const before = await ipvs.timeouts.get()
    await ipvs.timeouts.set({ tcp: 901 })
    assert.deepStrictEqual(await ipvs.timeouts.get(), { ...before, tcp: 901 })
    await ipvs.timeouts.set(before)
    assert.strictEqual((await ipvs.info()).version, '1.2.1')
    assert.deepStrictEqual(await ipvs.daemons.list(), [])
  })
  if (can.zero) await step('zero', () => ipvs.zero())
  await step('order and concurrency', async () => {
    const calls = []
    for (let weight = 1; weight <= 100; weight++) {
      calls.push(ipvs.destinations.ensure(MARK, { ...A, forwarding: 'direct-route', weight }))
    }
    const results = await Promise.all(calls)
    assert.strictEqual(results[0], 'added')
    assert.ok(results.slice(1).every((result) => result === 'changed'))
    assert.strictEqual((await ipvs.destinations.get(MARK, A)).weight, 100)
  })
}

async function sockopt() {
  await step('over sockopt', async () => {
    const ipvs = await Ipvs.open({ ...PATIENT, transport: 'sockopt' })
    assert.strictEqual((await ipvs.services.list()).length, 2)
    assert.strictEqual((await ipvs.destinations.list(WEB)).length, 1000)
    await ipvs.destinations.update(WEB, { address: '198.51.100.9', port: 1 }, { weight: 77 })
    await ipvs.close()
  })
}

async function main() {
  let ipvs
  await step('open', async () => {
    ipvs = await Ipvs.open(PATIENT)
    assert.ok(inspect(ipvs).startsWith('Ipvs {'))
    if (process.env.IPVS_VM_DIALECT) assert.strictEqual(ipvs.dialect, process.env.IPVS_VM_DIALECT)
  })
  if (!ipvs) return
  const can = ipvs.capabilities
  await ipvs.flush()
  await services(ipvs, can)
  await destinations(ipvs, can)
  await localAddresses(ipvs, can)
  await errors(ipvs)
  await globals(ipvs, can)
  await sockopt()
  await step('remove a service, then flush', async () => {
    await ipvs.services.remove(WEB)
    assert.strictEqual(await ipvs.services.get(WEB), undefined)
    assert.strictEqual((await ipvs.services.list()).length, 2)
    await ipvs.flush()
    assert.deepStrictEqual(await ipvs.services.list(), [])
  })
  await step('close', async () => {
    await ipvs.close()
    assert.strictEqual((await rejected(ipvs.services.list())).code, 'ERR_IPVS_CLOSED')
  })
}

main().then(
  () => process.exit(failed > 0 ? 1 : 0),
  (error) => {
    console.log(`not ok main\n    ${error.stack}`)
    process.exit(1)
  },
)
