// The contract suite on the guest's kernel, over generic netlink.

import { contract } from '../contract/index'
import { kernelHarness } from './support/kernel'

contract(await kernelHarness('netlink'))
