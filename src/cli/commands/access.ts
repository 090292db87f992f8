/** `explain` and `access`: why one user may see a resource, and who may. */
import type { Path } from '../../client/index.ts'
import { printable } from '../table.ts'
import type { Command } from './command.ts'
import { END_COLUMN, untilWords } from './ends.ts'
import { list, PAGE_OPTIONS } from './lists.ts'
import { reference } from './references.ts'

const explain: Command = {
  words: ['explain'],
  summary: 'why a user may see a resource and until when: every path, and which one wins',
  takes: ['<user>', '<resource>'],
  options: {},
  async run({ api, argument }) {
    const [user, resource] = [argument(0), argument(1)]
    const { data } = await api.explainAccess({ path: { id: user, resourceId: reference(resource) } })
    const { permission, expiresAt, paths } = data
    const verdict =
      permission === null
        ? `${user} may not see ${resource}`
        : `${user} has ${permission} on ${resource}${untilWords(expiresAt)}`
    return {
      json: data,
      text: [verdict, ...paths.map((path) => describePath(user, resource, path))].map(printable).join('\n'),
    }
  },
}

const access: Command = {
  words: ['access'],
  summary: 'who may see a resource, and through which groups',
  takes: ['<resource>'],
  options: PAGE_OPTIONS,
  run: (invocation) =>
    list(invocation, ['listResourceAccess', { path: { id: reference(invocation.argument(0)) } }], {
      columns: [
        { title: 'USER', value: ({ userId }) => userId },
        { title: 'PERMISSION', value: ({ permission }) => permission },
        END_COLUMN,
        {
          title: 'THROUGH',
          shrinks: true,
          value: ({ paths }) =>
            paths
              .filter(({ wins }) => wins)
              .map(groupsOf)
              .join(', '),
        },
        { title: 'PATHS', value: ({ paths }) => paths.length, align: 'right' },
      ],
    }),
}

export const accessCommands = [explain, access]

const groupsOf = ({ groups }: Path) => groups.map(({ name }) => name).join(' → ')

const describePath = (user: string, resource: string, path: Path) =>
  `${path.wins ? '*' : ' '} ${user} → ${groupsOf(path)} → ${path.permission} on ${resource}${untilWords(path.expiresAt)}`
