import { describeOtherClient } from '../../support/describe-other-client.ts'

describeOtherClient('@microsoft/fetch-event-source')
