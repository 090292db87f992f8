/** JSON merge patch, RFC 7396: absent keeps, null removes, objects merge, everything else replaces. */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from './model.ts'

export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  // Entries keep a key such as `__proto__` an ordinary one.
  const merged = new Map<string, JsonValue>(Object.entries(target))
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, isObject(value) ? mergePatch(objectOrNone(merged.get(key)), value) : value)
  }
  return Object.fromEntries(merged)
}

function objectOrNone(value: JsonValue | undefined): JsonObject {
  return value !== undefined && isObject(value) ? value : {}
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether two values are equal, regardless of the order of their keys. */
export function sameJson(one: JsonValue, other: JsonValue): boolean {
  return isDeepStrictEqual(one, other)
}
