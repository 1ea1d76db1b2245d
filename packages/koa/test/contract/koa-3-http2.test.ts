import { describeAdapter } from '@tidings/testing'
import { forKoa3 } from '../support/adapters.ts'

describeAdapter(forKoa3, { protocols: ['HTTP/2'] })
