/** Who sees a resource, and why: its holders, and the paths of the selected one. */
import { useId } from 'preact/hooks'
import { useLoaded, usePages } from '../api/loaded.ts'
import { End, endedClass } from '../parts/ends.tsx'
import { Level } from '../parts/level.tsx'
import { PathPicture } from '../parts/path-picture.tsx'
import { Empty, Failure, LoadingBar, useNow } from '../parts/states.tsx'
import { VirtualList } from '../parts/virtual-list.tsx'
import { go, linkTo, type ViewProps } from '../router.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function ResourceView({ query }: ViewProps) {
  const id = useId()
  const { resource } = query
  return (
    <>
      <div class="bar">
        <h1>Who sees a resource, and why</h1>
        <form
          class="field"
          onSubmit={(event) => {
            event.preventDefault()
            const given = String(new FormData(event.currentTarget).get('resource')).trim()
            if (given !== '') go('resource', { resource: UUID.test(given) ? given : `name:${given}` })
          }}
        >
          <label for={id}>Resource</label>
          <input
            key={resource}
            id={id}
            name="resource"
            type="text"
            autoComplete="off"
            spellcheck={false}
            placeholder="Its exact name, for example handbook"
            defaultValue={query.name ?? resource?.replace(/^name:/, '') ?? ''}
          />
        </form>
      </div>
      {resource === undefined ? (
        <Empty>Type a name and press Enter to see everybody who may see it, and through which groups.</Empty>
      ) : (
        <Holders key={resource} reference={resource} user={query.user ?? null} />
      )}
    </>
  )
}

function Holders({ reference, user }: { reference: string; user: string | null }) {
  const path = { id: reference }
  const resource = useLoaded('getResource', { path })
  const holders = usePages('listResourceAccess', { path })
  const name = resource.answer?.data.name ?? reference.replace(/^name:/, '')
  const now = useNow()
  const selected = holders.items.find(({ userId }) => userId === user)
  const error = holders.error ?? resource.error
  if (error !== null && holders.items.length === 0)
    return <Failure error={error} needs="admin" retry={holders.reload} />
  return (
    <div class="people">
      <section class="card resources wide" aria-label="Holders">
        <h2>
          People{' '}
          <span class="quiet">
            {holders.items.length}
            {holders.complete ? '' : '+'}
          </span>
        </h2>
        <p class="quiet line">
          {name} · {resource.answer?.data.kind} {resource.answer?.data.description}
        </p>
        {holders.loading && holders.items.length === 0 && <LoadingBar label="Loading who sees it" />}
        {holders.complete && holders.items.length === 0 && <Empty>Nobody: no group holds a grant on it.</Empty>}
        {holders.items.length > 0 && (
          <VirtualList
            items={holders.items}
            label="People who may see this resource"
            rowHeight={40}
            keyOf={({ userId }) => userId}
            selected={user}
            onSelect={({ userId }) => go('resource', { resource: reference, user: userId })}
            onEnd={holders.more}
            row={({ userId, permission, expiresAt, paths }) => (
              <>
                <span class={`row-name${endedClass({ expiresAt }, now)}`}>{userId}</span>
                <End expiresAt={expiresAt} />
                <span class="quiet row-kind">{paths.length === 1 ? '1 path' : `${paths.length} paths`}</span>
                <Level of={permission} />
              </>
            )}
          />
        )}
      </section>
      <section class="card why" aria-label="Why">
        {selected === undefined ? (
          <>
            <h2>Why</h2>
            <Empty>Select a person to see the groups that give them access.</Empty>
          </>
        ) : (
          <>
            <h2>
              Why {selected.userId} sees {name} <Level of={selected.permission} />{' '}
              <End expiresAt={selected.expiresAt} />
            </h2>
            <p class="quiet line">
              <a href={linkTo('people', { user: selected.userId })}>everything that {selected.userId} sees</a>
            </p>
            <PathPicture user={selected.userId} resource={name} paths={selected.paths} />
          </>
        )}
      </section>
    </div>
  )
}
