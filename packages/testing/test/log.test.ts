import { memoryLog } from '@tidings/core'
import { describeLog } from '../src/index.ts'

describeLog({ name: 'memoryLog', create: (bounds) => memoryLog(bounds) })
