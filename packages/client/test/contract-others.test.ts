import { describeClient } from '@tidings/testing'
import { clients } from './support/clients.ts'

for (const client of clients) if (client.name !== '@tidings/client') describeClient(client)
