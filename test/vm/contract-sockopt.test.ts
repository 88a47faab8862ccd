// The contract suite on the guest's kernel, over sockopt. What it cannot do is refused, and prepared over netlink.

import { contract } from '../contract/index'
import { kernelHarness } from './support/kernel'

contract(await kernelHarness('sockopt'))
