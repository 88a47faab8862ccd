// Adds and removes destinations of 'tcp 192.0.2.1:80' with a client of its own until its standard input ends. Prints
// 'ready' after the first round, and at the end how many operations it did and the error that stopped it, if any.

const { Ipvs } = require('../../../dist')

const SERVICE = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const MOVING = 40

let ending = false
process.stdin.resume()
process.stdin.on('end', () => {
  ending = true
})

async function main() {
  const ipvs = await Ipvs.open({ timeout: 120000 })
  let done = 0
  let failed
  try {
    for (let round = 0; !ending; round++) {
      const all = Array.from({ length: MOVING }, (_, i) => ({ address: '203.0.113.1', port: 1 + i }))
      await Promise.all(
        all.map((one) => ipvs.destinations.add(SERVICE, { ...one, forwarding: 'masquerade' })),
      )
      await Promise.all(all.map((one) => ipvs.destinations.remove(SERVICE, one)))
      done += 2 * MOVING
      if (round === 0) console.log('ready')
    }
  } catch (error) {
    failed = error.message
  }
  await ipvs.close()
  console.log(JSON.stringify({ done, failed }))
}

main()
