import { comparePair } from './pair.mjs'

const PAIR = { variant: 'express, two channels', over: 'express', title: 'two channels over one', burst: 2.2, paced: 1.2 }

/** Compares two named channels on each stream with one channel. Both publish as many messages. */
export function joined(options) {
  return comparePair(PAIR, options)
}
