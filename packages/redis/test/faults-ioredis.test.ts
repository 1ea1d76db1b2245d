import { describeFaults } from './support/describe-faults.ts'

describeFaults('ioredis')
