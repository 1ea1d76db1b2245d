import { sse } from '@tidings/express'
import compression from 'compression'
import cors from 'cors'
import express from 'express'
import session from 'express-session'
import helmet from 'helmet'
import morgan from 'morgan'
import { news } from './news.js'
import { report } from './report.js'
import { isUser } from './users.js'

/** @param {{ secret: string, page: string, signal: AbortSignal }} settings */
export function expressApp({ secret, page, signal }) {
  const app = express()
  app.use(morgan('tiny'), helmet(), cors({ origin: page, credentials: true }), compression())
  app.use(session({ secret, resave: false, saveUninitialized: false }), express.json())
  app.use(sse({ signal })) // This is new.

  app.post('/login', (req, res) => {
    const { name, password } = req.body ?? {}
    if (!isUser(name, password)) return res.sendStatus(401)
    req.session.name = name
    res.sendStatus(204)
  })

  app.use((req, res, next) => {
    if (!req.session.name) return res.sendStatus(401)
    req.session.visits = (req.session.visits ?? 0) + 1
    next()
  })

  app.get('/report', (req, res) => {
    res.json({ visits: req.session.visits, report })
  })

  app.post('/news', async (req, res) => {
    res.status(201).json({ id: await news.publish({ event: 'news', data: req.body }) })
  })

  // And this. The session is saved when a response ends, and a stream may end hours later. So save the session first.
  app.get('/news', (req, res, next) => {
    req.session.save((error) => {
      if (error) return next(error)
      const stream = res.sse()
      stream.send({ event: 'welcome', data: { name: req.session.name, visits: req.session.visits } })
      news.subscribe(stream)
    })
  })
  return app
}
