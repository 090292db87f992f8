/** Groups and resources as people name them: by uuid, by name, or by `name:` and a name that looks like a uuid. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The API's form: a uuid, or `name:` and the name. */
export function reference(text: string): string {
  return UUID.test(text) || text.startsWith('name:') ? text : `name:${text}`
}
