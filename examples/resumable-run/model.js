import { setTimeout } from 'node:timers/promises'

// Milliseconds for a token.
const PACE = Number(process.env.PACE ?? 50)

/**
 * Stands in for the SDK of a language model: gives an answer slowly, token by token.
 * @param {string} prompt
 * @param {AbortSignal} signal stops it
 */
export async function* complete(prompt, signal) {
  for (const token of answerTo(prompt)) {
    await setTimeout(PACE, undefined, { signal })
    yield token
  }
}

/**
 * The whole answer, in tokens as models make them: pieces of words with their spaces.
 * @param {string} prompt
 * @returns {string[]}
 */
export function answerTo(prompt) {
  return (
    `You asked: “${prompt}”

That is a long story, and this is a model that knows only one. There was once a lighthouse keeper who wrote down every ship that passed. When the fog came he could see nothing, and yet ships passed all the same; so in the morning he rowed across to the harbour and asked which ones he had missed. He wrote them into his book between the others, in their order, each one once.

Where the harbour master could not remember, the keeper drew a line across the page, so that whoever read the book would know.`.match(/\s*\S{1,6}/g) ?? []
  )
}
