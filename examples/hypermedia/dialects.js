/**
 * What each library reads from an event stream to replace the element whose id is `board`.
 * @type {Record<string, (html: string) => import('@tidings/core').Message>}
 */
export const dialects = {
  // The event that `sse-swap` names, with the HTML as it is.
  htmx2: (html) => ({ event: 'board', data: html }),
  // No event: what has a name is triggered in the page, and not swapped in.
  htmx4: (html) => ({ data: html }),
  // No event either: an action, and its template.
  turbo: (html) => ({ data: `<turbo-stream action="replace" target="board"><template>${html}</template></turbo-stream>` }),
  // An event of Datastar's own, each of its lines with the name of the argument that it is a line of.
  datastar: (html) => ({ event: 'datastar-patch-elements', data: html.replace(/^/gm, 'elements ') }),
}
