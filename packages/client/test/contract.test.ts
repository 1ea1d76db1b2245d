import { describeClient } from '@tidings/testing'
import { clients } from './support/clients.ts'

// Alone, since the matrix of runtimes runs this file.
for (const client of clients) if (client.name === '@tidings/client') describeClient(client)
