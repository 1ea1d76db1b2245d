import { describeAdapter } from '@tidings/testing'
import { onNode } from '../support/adapters.ts'

describeAdapter(onNode, { protocols: ['HTTP/1.1'] })
