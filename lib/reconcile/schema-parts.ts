/** What schemas are made of. A property that a type has and its schema has not, or the reverse, does not compile. */

/** JSON Schema, draft 2020-12. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
}

type Needed<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T]

/** An object with these properties and no others; `needed` has those that cannot be left out. */
export const objectOf =
  <T extends object>(description: string) =>
  (
    properties: { readonly [K in keyof Required<T>]: JsonSchema },
    needed: { readonly [K in Needed<T>]: true },
  ): JsonSchema => ({
    type: 'object',
    description,
    properties,
    required: Object.keys(needed),
    additionalProperties: false,
  })

/** Every word of a union. */
export const wordsOf =
  <T extends string>(description: string) =>
  (words: { readonly [word in T]: true }): JsonSchema => ({
    description,
    type: 'string',
    enum: Object.keys(words),
  })

export const integer = (description: string, minimum: number, maximum: number): JsonSchema => ({
  description,
  type: 'integer',
  minimum,
  maximum,
})
export const flag = (description: string): JsonSchema => ({ description, type: 'boolean' })
export const text = (description: string, pattern?: string): JsonSchema =>
  pattern === undefined ? { description, type: 'string' } : { description, type: 'string', pattern }
export const listOf = (description: string, items: JsonSchema): JsonSchema => ({
  description,
  type: 'array',
  items,
})
export const either = (description: string, ...anyOf: readonly JsonSchema[]): JsonSchema => ({
  description,
  anyOf,
})
/** A number where a kernel holds what has no name. */
export const orNumber = (words: JsonSchema, minimum: number, maximum: number): JsonSchema =>
  either(`${words.description}; a number where it has no name`, words, {
    type: 'integer',
    minimum,
    maximum,
  })
export const NOTHING: JsonSchema = { type: 'null' }

export const INT_MAX = 2147483647
export const U32_MAX = 4294967295
/** HZ times as many still fit into 31 bits. */
export const SECONDS_MAX = 2147483

/** The letters of an address; whether it is one, a schema does not say. */
export const address = (description: string): JsonSchema => text(description, '^[0-9A-Fa-f:.]{2,45}$')
export const port = (description: string, minimum = 0): JsonSchema => integer(description, minimum, 65535)
export const time = (description: string): JsonSchema =>
  text(`${description}; ISO 8601 with a zone, '2026-01-31T12:00:00Z'`, TIME)
const TIME = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?(Z|[+-]\\d{2}:\\d{2})$'
/** Four numbers with dots. */
export const QUAD = '^\\d{1,3}(\\.\\d{1,3}){3}$'
export const MODULE = '^[A-Za-z0-9_-]{1,15}$'
/** As a kernel can hold it. */
export const HELD_MODULE = '^[^\\s/\\u0000]{1,15}$'
export const INTERFACE = '^(?!\\.{1,2}$)[^\\s/:\\u0000]{1,15}$'
