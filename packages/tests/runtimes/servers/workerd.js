import { makeApp } from '../app.js'

let app

export default {
  // Made at the first request: a channel needs random bytes, and workers have none while their modules load.
  fetch(request) {
    app ??= makeApp()
    return app.fetch(request)
  },
}
