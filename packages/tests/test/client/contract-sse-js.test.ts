import { describeOtherClient } from '../../support/describe-other-client.ts'

describeOtherClient('sse.js')
