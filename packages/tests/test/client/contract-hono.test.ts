import { describeClientContract } from '../../support/describe-client-contract.ts'
import { frameworkNamed } from '../../support/frameworks.ts'

describeClientContract(frameworkNamed('Hono'))
