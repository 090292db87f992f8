import type pg from 'pg'

/** In transaction mode a name may have been prepared on another server connection, or not at all. */
export function forgoNames(client: pg.ClientBase): void {
  const query = client.query.bind(client) as (...given: unknown[]) => unknown
  const unnamed = (config: unknown) =>
    typeof config === 'object' && config !== null && 'name' in config
      ? { ...config, name: undefined, label: config.name }
      : config
  client.query = ((config: unknown, ...rest: unknown[]) => query(unnamed(config), ...rest)) as typeof client.query
}
