/** Data of two topics, for readers that ask for some of it: short and long texts, each with its topic. */
export const SHORT_AND_LONG = [
  ['1', 'a'],
  ['2', 'b'],
  ['long', 'a'],
  ['longer', 'b'],
] as const

/** A filter that lets the short texts through. */
export const isShort = ({ data }: { data: unknown }): boolean => String(data).length === 1
