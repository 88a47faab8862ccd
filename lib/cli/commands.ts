/** The commands: one line for each. Their files are loaded when they are run. */

import type { Command } from './command'

export interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<{ readonly command: Command }>
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'plan',
    summary: 'what would make the director a desired state',
    load: () => import('./commands/plan'),
  },
  { name: 'apply', summary: 'make the director a desired state', load: () => import('./commands/apply') },
  {
    name: 'watch',
    summary: 'keep the director what a file says',
    load: () => import('./commands/watch'),
  },
  {
    name: 'save',
    summary: 'the director as one JSON document',
    load: () => import('./commands/save'),
  },
  { name: 'restore', summary: 'make the director what it was', load: () => import('./commands/restore') },
  {
    name: 'doctor',
    summary: 'what is wrong with the director, why, and what to do',
    load: () => import('./commands/doctor'),
  },
  {
    name: 'import',
    summary: 'a keepalived.conf as a desired state',
    load: () => import('./commands/import'),
  },
  {
    name: 'convert',
    summary: 'rules, configurations and states into each other',
    load: () => import('./commands/convert'),
  },
  {
    name: 'connections',
    summary: 'connections, with state and local address',
    load: () => import('./commands/connections'),
  },
  {
    name: 'stats',
    summary: 'what the kernel counts, and what it means',
    load: () => import('./commands/stats'),
  },
  { name: 'sysctl', summary: 'settings of IPVS', load: () => import('./commands/sysctl') },
  { name: 'top', summary: 'the table by rate, again and again', load: () => import('./commands/top') },
  {
    name: 'exporter',
    summary: 'metrics for Prometheus over HTTP',
    load: () => import('./commands/exporter'),
  },
]
