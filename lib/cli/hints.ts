/** Hints of the library name its methods; whoever sits at a prompt has options instead. */

const IN_OPTIONS: readonly (readonly [string, string])[] = [
  [
    'Use services.set() to replace it, or services.ensure().',
    'Change it with -E, or remove it first with -D.',
  ],
  ['Use destinations.set() to replace it, or destinations.ensure().', 'Change it with -e.'],
  ['Use localAddresses.ensure() or localAddresses.set().', 'There is nothing to do: -G lists them.'],
  [
    'Use destinations.add() first, or destinations.ensure().',
    'Add it with -a; -L -n shows those that are there.',
  ],
  ['List them with localAddresses.list().', 'List them with -G.'],
  ['Stop it first with daemons.stop().', 'Stop it first with --stop-daemon.'],
  ['sysctl.list() has those', 'ipvs-fullnat sysctl has those'],
  ['See daemons.list()', 'See -L --daemon'],
  ['Set the global one with timeouts.set({ tcp }).', 'Set the global one with --set.'],
  [
    'See ipvs.capabilities for what this kernel can do.',
    'docs/kernels.md has a table of what which kernel can do.',
  ],
  ['Raise timeout,', 'Raise --kernel-timeout,'],
  ["Open with { transport: 'sockopt' }.", 'Give --transport sockopt.'],
  ["Use transport 'netlink'.", 'Give --transport netlink.'],
  ["Use transport 'auto'.", 'Leave --transport out.'],
  ['or open with { loadModule: true }', 'or give --load-module'],
  ['Report what ipvs.capabilities says; { force: true } at Ipvs.open()', 'Report the kernel; --force'],
  ['{ force: true } at Ipvs.open()', '--force'],
  [
    'Use ipvs.stats() for all that was forwarded, and the stats',
    'Use ipvs-fullnat stats, and -L -n --stats for those',
  ],
  ['Use ipvs.info() for', 'Use -L -n for'],
  ['force starts it', '--force starts it'],
  ['See ipvs.capabilities; over sockopt', 'Over sockopt'],
  ['or give a resolver.', 'or write the number.'],
  ["pass nullMeans: 'fullnat'.", 'give --null-means fullnat.'],
  ['Give it in options.env.', 'Set it in the environment.'],
  ['Give options.configId,', 'Give --config-id,'],
  ['Repeat the call', 'Repeat the command'],
  ['repeating the call', 'repeating the command'],
]

export const hintInOptions = (hint: string): string =>
  IN_OPTIONS.reduce((text, [method, option]) => text.replace(method, option), hint)
