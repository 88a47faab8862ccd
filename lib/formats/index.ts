/** `ipvs-fullnat/formats`: the text of other tools ↔ states. */

export * from './keepalived'
