/** Single values. */

import { invalidType, invalidValue, outOfRange } from '../errors/argument-errors'
import type { AddressFamily, PackedAddress } from '../model/address'
import { mappedIpv4, parseAddress } from '../model/address'
import { familyName } from '../model/numbers'

export const INT_MAX = 2147483647
export const U32_MAX = 4294967295
/** The kernel multiplies by HZ (1000) in a signed int without a check (ip_vs_ctl.c:ip_vs_set_timeout). */
export const SECONDS_MAX = 2147483
/** Scheduler and engine names become part of a module's name, `ip_vs_<name>`. */
const MODULE_NAME = /^[a-z0-9_-]{1,15}$/i

export type Properties = Readonly<Record<string, unknown>>

export type Mutable<T> = { -readonly [K in keyof T]?: T[K] }

export function checkObject(value: unknown, field: string): Properties {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidType(field, 'object', value)
  }
  return value as Properties
}

export function checkString(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalidType(field, 'string', value)
  return value
}

export function checkBoolean(value: unknown, field: string): boolean {
  if (typeof value !== 'boolean') throw invalidType(field, 'boolean', value)
  return value
}

export function checkInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value !== 'number') throw invalidType(field, 'number', value)
  if (!Number.isInteger(value)) throw outOfRange(field, 'an integer', value)
  if (value < min || value > max) throw outOfRange(field, `>= ${min} && <= ${max}`, value)
  return value === 0 ? 0 : value
}

export function checkAddress(value: unknown, field: string): PackedAddress {
  const address = parseAddress(checkString(value, field))
  if (!address) throw invalidValue(field, 'must be an IPv4 or IPv6 address', value)
  return address
}

/**
 * IPv4-mapped IPv6 addresses are for sockets; no packet has one, so what was meant is the IPv4 address. Not for what looks
 * something up: FULLNAT kernels can hold one.
 */
export function refuseMapped(address: PackedAddress, value: unknown, field: string): void {
  const ipv4 = mappedIpv4(address)
  if (ipv4 !== undefined) {
    throw invalidValue(field, `must be written as the IPv4 address that it stands for, '${ipv4}'`, value)
  }
}

/** A name that a kernel holds: that of a module, whoever made it. */
export function checkHeldName(value: unknown, field: string): string {
  const name = checkString(value, field)
  if (!/^[^\s/\0]+$/.test(name) || Buffer.byteLength(name) > 15) {
    throw invalidValue(field, 'must be the name of a module, 1 to 15 bytes', value)
  }
  return name
}

export function checkModuleName(value: unknown, field: string): string {
  const name = checkString(value, field)
  // 16 bytes with the NUL; 2.6.32 reads past an unterminated name (ip_vs_ctl.c:do_ip_vs_set_ctl).
  if (!MODULE_NAME.test(name)) throw invalidValue(field, 'must be 1 to 15 letters, digits, "-" or "_"', value)
  return name
}

export function checkName<T>(value: unknown, field: string, names: Readonly<Record<string, T>>): T {
  const name = checkString(value, field)
  if (!Object.prototype.hasOwnProperty.call(names, name)) {
    throw invalidValue(
      field,
      `must be one of: ${Object.keys(names)
        .map((known) => `'${known}'`)
        .join(', ')}`,
      value,
    )
  }
  return names[name] as T
}

/** Where `family` only repeats what is known (what was listed has it), it must not say something else. */
export function checkFamilyAgrees(family: unknown, actual: AddressFamily, field: string): void {
  if (family === undefined || family === familyName(actual)) return
  throw invalidValue(`${field}.family`, `must be '${familyName(actual)}' here`, family)
}
