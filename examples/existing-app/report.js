/** Stands in for the app as it was before streams: an answer large enough to compress. */
export const report = Array.from({ length: 200 }, (_, index) => ({ article: index + 1, headline: 'Nothing has happened yet' }))
