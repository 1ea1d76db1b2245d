import { describeAdapter } from '@tidings/testing'
import { forExpress4 } from '../support/adapters.ts'

describeAdapter(forExpress4)
