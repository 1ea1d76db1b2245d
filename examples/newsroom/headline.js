export const LONGEST_HEADLINE = 120

/**
 * The headline in the form's body, on one line, or `undefined` if there is none.
 * @param {unknown} body
 * @returns {string | undefined}
 */
export function headlineIn(body) {
  const given = /** @type {{ text?: unknown } | undefined} */ (body)?.text
  if (typeof given !== 'string') return undefined
  const text = given.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  return text !== '' && text.length <= LONGEST_HEADLINE ? text : undefined
}
