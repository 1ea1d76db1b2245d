import { setTimeout } from 'node:timers/promises'

/** Milliseconds from one token to the next. */
const PACE = Number(process.env.PACE ?? 50)

/**
 * Stands in for a language model: gives an answer slowly, token by token.
 * @param {string} prompt
 */
export async function* complete(prompt) {
  for (const token of answerTo(prompt)) {
    // The timer does not keep the process alive.
    await setTimeout(PACE, undefined, { ref: false })
    yield token
  }
}

/**
 * The whole answer, in tokens as models make them: pieces of words with their spaces. The same for the same prompt.
 * @param {string} prompt
 * @returns {string[]}
 */
export function answerTo(prompt) {
  return `You asked: “${prompt}”

A lighthouse keeper wrote down every ship that passed. When the fog came he could see nothing, and yet ships passed all the same; so in the morning he rowed across to the harbour, and asked which ones he had missed.`.match(
    /\s*\S{1,6}/g,
  )
}
