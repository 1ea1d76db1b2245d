import { createChannel } from '@tidings/core'

/** What whoever is logged in may read, in all three apps. */
export const news = createChannel()
