export declare function projectNode(options: {
  readonly root: string
  readonly host?: { readonly version: string; readonly file: string }
}): string
