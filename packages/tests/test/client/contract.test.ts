import { describeClientContractAlone } from '../../support/describe-client-contract.ts'

describeClientContractAlone()
