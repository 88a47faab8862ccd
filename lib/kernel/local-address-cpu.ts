/** Which CPU a local address of fullnat-v3 serves. */

/** The CPU that a local address of fullnat-v3 serves (ip_vs_ctl.c:laddr_to_cpuid); `reserved` < `online`. */
export function localAddressCpu(lastByte: number, online: number, reserved: number): number {
  return (lastByte % (online - reserved)) + reserved
}
