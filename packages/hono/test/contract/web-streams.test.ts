import { describeAdapter } from '@tidings/testing'
import { onWebStreams } from '../support/adapters.ts'

describeAdapter(onWebStreams, { protocols: ['HTTP/1.1'] })
