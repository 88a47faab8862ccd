// Opens a client for each transport named on the command line, reads and writes with it, and prints what came of it:
// one JSON object, { transport: { opened, error?, dialect?, list?, add? } }. Run by tests as another user or in
// another network namespace. `transport+unprivileged` opens without CAP_NET_ADMIN, too.

const { Ipvs } = require('../../../dist')

const SERVICE = { protocol: 'tcp', address: '192.0.2.77', port: 77 }

const shown = ({ name, code, errno, syscall, operation, message, hint, sent }) => {
  return { name, code, errno, syscall, operation, message, hint, sent }
}

async function attempt(call) {
  try {
    return { value: await call() }
  } catch (error) {
    return { error: shown(error) }
  }
}

async function look(word) {
  const [transport, unprivileged] = word.split('+')
  let ipvs
  try {
    ipvs = await Ipvs.open({ transport, timeout: 120000, unprivileged: unprivileged === 'unprivileged' })
  } catch (error) {
    return { opened: false, error: shown(error) }
  }
  const list = await attempt(async () => (await ipvs.services.list()).length)
  const add = await attempt(() => ipvs.services.add(SERVICE))
  await ipvs.close()
  return { opened: true, dialect: ipvs.dialect, list, add }
}

async function main() {
  const results = {}
  for (const transport of process.argv.slice(2)) results[transport] = await look(transport)
  console.log(JSON.stringify(results))
}

main()
