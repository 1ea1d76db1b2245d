import { describeAdapter } from '@tidings/testing'
import { forExpress5 } from '../support/adapters.ts'

describeAdapter(forExpress5)
