import { describeAdapter } from '@tidings/testing'
import { forKoa2 } from '../support/adapters.ts'

describeAdapter(forKoa2, { protocols: ['HTTP/2'] })
