/** Which columns a list of connections has: its first line says so, and nothing else is asked. */

/** Columns that only some kernels, or only one of the two files, have. */
export interface ConnectionLayout {
  /** LocalIP and LPrt: FULLNAT kernels (v2 ip_vs_conn.c:ip_vs_conn_seq_show). */
  readonly local: boolean
  /** Origin: ip_vs_conn_sync. */
  readonly origin: boolean
  /** PEName and PEData: mainline's ip_vs_conn since Linux 2.6.37. */
  readonly engine: boolean
}

const HEADER =
  /^Pro FromIP FPrt ToIP TPrt( LocalIP LPrt)? DestIP DPrt State(?:( Origin) Expires| Expires( PEName PEData)?)$/

/** Undefined where the line is no header that is known. */
export function layoutOf(header: string): ConnectionLayout | undefined {
  const match = HEADER.exec(header.replace(/ +/g, ' '))
  if (!match) return undefined
  const [, local, origin, engine] = match
  return { local: local !== undefined, origin: origin !== undefined, engine: engine !== undefined }
}
