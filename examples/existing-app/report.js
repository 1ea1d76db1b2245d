/** Stands in for what the apps did before there were streams: an answer that is worth compressing. */
export const report = Array.from({ length: 200 }, (_, index) => ({ article: index + 1, headline: 'Nothing has happened yet' }))
