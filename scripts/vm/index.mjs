// What other scripts use of the test VM.
export { boot } from './boot.mjs'
export { bootJob } from './boot-job.mjs'
export { packJob, projectParts, testPackages } from './job.mjs'
export { dialectKernels, findKernel, kernelName } from './kernels.mjs'
export { currentNode, oldestNode } from './nodes.mjs'
export { ensureTools } from './tools.mjs'
