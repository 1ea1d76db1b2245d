import { median, rotated } from '../lib/stats.mjs'

/** Measures all variants in every round, in an order that changes. Returns the values of each figure by variant. */
export async function interleaved(variants, rounds, measure) {
  const measured = new Map(variants.map((variant) => [variant, {}]))
  for (let round = 0; round < rounds; round++) {
    for (const variant of rotated(variants, round)) {
      const figures = await measure(variant, round)
      for (const [name, value] of Object.entries(figures)) {
        const values = measured.get(variant)
        values[name] = [...(values[name] ?? []), value]
      }
    }
  }
  return measured
}

/** The median of a figure of `variant` over that of `other`, or undefined if one was not measured. */
export function ratio(measured, figure, variant, other) {
  const [own, its] = [measured.get(variant)?.[figure], measured.get(other)?.[figure]]
  return own && its ? median(own) / median(its) : undefined
}

/** The variants in `only`, or all variants without it. */
export function chosen(variants, only) {
  return only ? variants.filter((variant) => only.includes(variant)) : variants
}
