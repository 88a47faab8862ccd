/** `ipvs-fullnat/metrics`: what a client shows, for Prometheus; docs/metrics.md is the guide. */

export { collect } from './collect'
export type { CollectorOptions, PromClient, PromRegistry, RegisteredCollector } from './collector'
export { collector } from './collector'
export { contentType } from './exposition'
export type {
  BackendLabel,
  DestinationLabel,
  ExtendedLabel,
  LocalAddressLabel,
  NameService,
  ServiceLabel,
} from './labels'
export type { CollectOptions, FamilyGroup, MetricsLabels, MetricsOptions, TimeLimit } from './options'
export type { ReconcilerSource } from './reconciler-families'
export type { MetricsSource } from './source'
