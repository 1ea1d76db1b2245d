/**
 * An element with its class and its children. Text goes in as text, whatever it holds.
 * @param {string} tag
 * @param {string} className
 * @param {...(string | Node)} children
 */
export function element(tag, className, ...children) {
  const made = document.createElement(tag)
  if (className) made.className = className
  made.append(...children)
  return made
}

/** Adds to the top of a list, and lets the oldest go. */
export function prepend(list, item, longest) {
  list.prepend(item)
  while (list.children.length > longest) list.lastElementChild.remove()
}

/** The time of day, as a log has it. */
export function timeOfDay(at = Date.now()) {
  return new Date(at).toLocaleTimeString('en-GB')
}
