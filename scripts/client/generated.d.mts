/** Where the generated file is. */
export const GENERATED: string
export function writeGenerated(): Promise<void>
export function generated(): Promise<string>
