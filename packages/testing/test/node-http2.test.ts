import { describeAdapter } from '../src/index.ts'
import { nodeAdapter } from './support/node-adapter.ts'

describeAdapter(nodeAdapter, { protocols: ['HTTP/2'] })
