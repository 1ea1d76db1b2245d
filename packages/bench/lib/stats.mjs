/** The median of `values` and the bounds of their middle half. */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: at(sorted, 0.5), low: at(sorted, 0.25), high: at(sorted, 0.75) }
}

export function median(values) {
  return summary(values).median
}

function at(sorted, quantile) {
  const position = (sorted.length - 1) * quantile
  const below = Math.floor(position)
  return sorted[below] + (sorted[Math.ceil(position)] - sorted[below]) * (position - below)
}

/** Rotates `variants` by one place each round, so that none always comes first. */
export function rotated(variants, round) {
  const shift = round % variants.length
  return [...variants.slice(shift), ...variants.slice(0, shift)]
}
