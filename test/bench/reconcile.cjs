// The reconcile beside what it is made of: a plan beside the snapshot that it reads, and applying beside the batch() that does
// the same. BENCH_RECONCILE: { services, destinations, rounds }. Prints JSON.
const { apply, plan } = require('../../dist/reconcile')
const { timed } = require('./measure.cjs')
const { askKernel, inFreshPlace } = require('./place.cjs')

const { services, destinations, rounds } = JSON.parse(process.env.BENCH_RECONCILE)

function desired(fullnat, weight) {
  const one = (i) => ({
    ...{ protocol: 'tcp', address: `192.0.${2 + (i >>> 8)}.${i & 255}`, port: 80, scheduler: 'wrr' },
    ...(fullnat ? { localAddresses: ['10.1.0.1'] } : {}),
    destinations: Array.from({ length: destinations }, (_, j) => ({
      ...{ address: `10.9.${i & 255}.${j + 1}`, port: 8080, weight },
      forwarding: fullnat ? 'fullnat' : 'masquerade',
    })),
  })
  return { services: Array.from({ length: services }, (_, i) => one(i)) }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

async function main() {
  const kernel = await askKernel()
  const found = {}
  const note = (name, { sample: { ms, block } }) => {
    found[name] ??= { name, ms: [], block: [] }
    found[name].ms.push(ms)
    found[name].block.push(block)
  }
  await inFreshPlace(kernel, (place) =>
    place.withClient(async (ipvs) => {
      const states = [desired(kernel.fullnat, 1), desired(kernel.fullnat, 2)]
      await apply(ipvs, await plan(ipvs, states[0]))
      for (let round = 0; round < rounds; round++) {
        const wanted = states[(round + 1) % 2]
        note('snapshot()', await timed(() => ipvs.snapshot()))
        note('plan(), nothing to do', await timed(() => plan(ipvs, states[round % 2])))
        const planned = await timed(() => plan(ipvs, wanted))
        note('plan(), everything changes', planned)
        const applied = await timed(() => apply(ipvs, planned.value))
        if (applied.value.counts.done !== services * destinations) throw new Error('not all was done')
        note('apply()', applied)
        const back = await plan(ipvs, states[round % 2])
        note('apply(), expect: false', await timed(() => apply(ipvs, back, { expect: false })))
        const batch = () =>
          ipvs.batch((operations) => {
            for (const service of wanted.services)
              for (const one of service.destinations) operations.destinations.set(service, one)
          })
        note('batch() of the same', await timed(batch))
        console.error(`bench: round ${round + 1}`)
      }
    }),
  )
  const results = Object.values(found).map(({ name, ms, block }) => ({
    name,
    ms: median(ms),
    block: Math.max(...block),
  }))
  const rss = process.memoryUsage().rss / 1e6
  console.log(
    `reconcile: ${JSON.stringify({ dialect: kernel.dialect, services, destinations, rounds, rss, results })}`,
  )
}

main()
