// Part of the docs gate: a property of a public type that is a bare number, text or flag says what is not in its name: a unit,
// a default, where the kernel has it from. A property of a class has no other place to be told of.
import { Application, ReflectionKind } from 'typedoc'

/** Types that say nothing of what a value means. */
const BARE = new Set(['number', 'bigint', 'boolean', 'string', 'unknown'])

/** The same wherever they stand, with neither unit nor default. */
const CLEAR = new Set([
  ...['address', 'port', 'localAddress', 'interface', 'cpu', 'fwmark', 'name'],
  ...['message', 'hint', 'file', 'line', 'column'],
])

function isBare(type) {
  if (type === undefined) return false
  if (type.type === 'intrinsic') return BARE.has(type.name)
  if (type.type === 'optional' || type.type === 'array') return isBare(type.elementType)
  if (type.type === 'typeOperator') return isBare(type.target)
  return type.type === 'union' && type.types.some(isBare)
}

/** A member of a literal type is told of with the whole, one of a parameter with its method. */
function isTold(reflection) {
  if (reflection.hasComment() || reflection.kindOf(ReflectionKind.Parameter)) return true
  const { parent } = reflection
  return parent?.kindOf(ReflectionKind.TypeLiteral) === true && isTold(parent.parent)
}

export function requireProperties(app) {
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    for (const property of project.getReflectionsByKind(ReflectionKind.Property)) {
      const isOfClass = property.parent?.kindOf(ReflectionKind.Class) && property.type?.type !== 'literal'
      if (!(isOfClass || isBare(property.type)) || CLEAR.has(property.name) || property.flags.isExternal)
        continue
      // Asked for where it is declared.
      if (property.inheritedFrom?.reflection || isTold(property)) continue
      app.logger.validationWarning(`${property.getFriendlyFullName()}: ${property.type} needs a docstring`)
    }
  })
}
