/**
 * The text of the last message. All three formats have a list of messages. Their text is a string, or is in parts of
 * type `text`.
 * @param {unknown} messages
 * @returns {string | undefined} `undefined` when there is no such message
 */
export function promptOf(messages) {
  const last = Array.isArray(messages) ? messages.at(-1) : undefined
  const content = last?.content ?? last?.parts
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return undefined
  return content
    .filter((part) => part?.type === 'text')
    .map(({ text }) => text)
    .join('')
}
