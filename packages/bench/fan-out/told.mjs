import { comparePair } from './pair.mjs'

const PAIR = { variant: 'express, keep: false', over: 'express', title: 'not kept over kept', burst: 1, paced: 1 }

/** Compares messages that are not kept with kept ones. */
export function told(options) {
  return comparePair(PAIR, options)
}
