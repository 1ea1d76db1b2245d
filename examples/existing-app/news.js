import { createChannel } from '@tidings/core'

/** The news that users may read once they are logged in, in all three apps. */
export const news = createChannel()
