/**
 * Makes an element with its class and its children. A string becomes text, even if it looks like HTML.
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

/** Adds an item to the top of a list, and removes the oldest beyond `longest`. */
export function prepend(list, item, longest) {
  list.prepend(item)
  while (list.children.length > longest) list.lastElementChild.remove()
}

/** The time of day as text, for a log. */
export function timeOfDay(at = Date.now()) {
  return new Date(at).toLocaleTimeString('en-GB')
}
