import { describeTidingsClient } from '../../support/describe-tidings-client.ts'
import { frameworkNamed } from '../../support/frameworks.ts'

describeTidingsClient(frameworkNamed('Hono'))
