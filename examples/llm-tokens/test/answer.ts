export const PROMPT = 'What is a light for?'

export const ANSWER = `You asked: “What is a light for?”

A lighthouse keeper wrote down every ship that passed. When the fog came he could see nothing, and yet ships passed all the same; so in the morning he rowed across to the harbour, and asked which ones he had missed.`

/** The answer in pieces of at most six letters, with the space before each. */
export const TOKENS: readonly string[] = ANSWER.match(/\s*\S{1,6}/g) ?? []
