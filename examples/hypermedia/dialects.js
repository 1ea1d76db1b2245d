/**
 * Messages with which each library replaces the element whose id is `board`.
 * @type {Record<string, (html: string) => import('@tidings/core').Message>}
 */
export const dialects = {
  // The event that `sse-swap` names, with plain HTML.
  htmx2: (html) => ({ event: 'board', data: html }),
  // No event: htmx triggers named events in the page instead of swapping them in.
  htmx4: (html) => ({ data: html }),
  // No event: an action with a template.
  turbo: (html) => ({ data: `<turbo-stream action="replace" target="board"><template>${html}</template></turbo-stream>` }),
  // Datastar's own event. Each line begins with the name of its argument.
  datastar: (html) => ({ event: 'datastar-patch-elements', data: html.replace(/^/gm, 'elements ') }),
}
