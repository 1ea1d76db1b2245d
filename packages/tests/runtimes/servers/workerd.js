import { makeApp } from '../app.js'

let app

export default {
  // Not before a request is here: a channel draws random bytes, which workers may not do while their modules load.
  fetch(request) {
    app ??= makeApp()
    return app.fetch(request)
  },
}
