/** Domain types as they arrive: what is a date at home is a string in JSON. */
export type Wire<T> = { readonly [Field in keyof T]: T[Field] extends Date ? string : T[Field] }
