/** Who sees what and why: a user's groups, their resources, and each path that leads to the selected one. */
import { useEffect, useRef } from 'preact/hooks'
import { ENUMS, type Explanation, type FeedEvent, type Permission, type Resource } from '../../../src/client/index.ts'
import { useChanges } from '../api/changes-of.ts'
import { type Loaded, type Pages, useLoaded, usePages } from '../api/loaded.ts'
import { End } from '../parts/ends.tsx'
import { GroupTree } from '../parts/group-tree.tsx'
import { Level } from '../parts/level.tsx'
import { PathPicture } from '../parts/path-picture.tsx'
import { PersonField } from '../parts/person-field.tsx'
import { Empty, Failure, LoadingBar } from '../parts/states.tsx'
import { VirtualList } from '../parts/virtual-list.tsx'
import { go, linkTo, replace, type ViewProps } from '../router.ts'
import { useRole, useSession } from '../session.ts'

export function PeopleView({ query }: ViewProps) {
  const { user = '' } = query
  const session = useSession()
  return (
    <>
      <div class="bar">
        <h1>Who sees what, and why</h1>
        <PersonField label="Person" value={user} onChoose={(id) => go('people', { user: id })} />
      </div>
      {user === '' ? (
        <Empty>
          Choose a person to see their groups, everything they may see, and why.
          {session.state === 'signed-in' && (
            <>
              {' '}
              For example <a href={linkTo('people', { user: session.me.id })}>yourself</a>.
            </>
          )}
        </Empty>
      ) : (
        <Person key={user} query={{ ...query, user }} />
      )}
    </>
  )
}

function Person({ query }: { query: Readonly<Record<string, string>> & { readonly user: string } }) {
  const path = { id: query.user }
  const mayAskCache = useRole('cache-admin')
  const user = useLoaded('getUser', useRole('admin') ? { path } : null)
  const groups = useLoaded('listUserGroups', { path })
  const explanation = useLoaded(
    'explainAccess',
    query.resource === undefined ? null : { path: { ...path, resourceId: query.resource } },
  )
  const resources = useResources(query)
  const ids = new Set(groups.answer?.data.data.map(({ id }) => id))
  useChanges(
    (event) => concerns(event, query.user, ids),
    () => {
      for (const each of [user, groups, explanation, resources]) each.reload()
    },
  )
  if (groups.error !== null && groups.answer === null) return <Failure error={groups.error} retry={groups.reload} />
  const winner = explanation.answer?.data.paths.find(({ wins }) => wins)
  const marked = new Set(winner?.groups.map(({ id }) => id))
  return (
    <div class="people">
      <section class="card" aria-label="Groups">
        <h2>
          Groups <span class="quiet">{groups.answer?.data.data.length}</span>
          {user.answer?.data.disabled && <span class="tag bad">disabled: sees nothing</span>}
        </h2>
        <p class="quiet line">
          {user.answer?.data.displayName ?? query.user}
          {mayAskCache && (
            <>
              {' · '}
              <a href={linkTo('entries', { user: query.user })}>cache entries</a>
            </>
          )}
        </p>
        {groups.loading && groups.answer === null && <LoadingBar label="Loading the groups" />}
        {groups.answer !== null &&
          (groups.answer.data.data.length === 0 ? (
            <Empty>In no group, so there is nothing to see.</Empty>
          ) : (
            <GroupTree groups={groups.answer.data.data} marked={marked} />
          ))}
      </section>
      <Resources query={query} resources={resources} />
      <Why query={query} explanation={explanation} />
    </div>
  )
}

function concerns(event: FeedEvent, user: string, groups: ReadonlySet<string>): boolean {
  if (event.type === 'reset') return true
  if (event.type !== 'change') return false
  const { users, places, grants, layers } = event.change
  return layers.length > 0 || users.includes(user) || [...places, ...grants].some((id) => groups.has(id))
}

function useResources({ user, q, permission }: Readonly<Record<string, string>> & { readonly user: string }) {
  const query = { ...(q && { q }), ...(permission && { permission: permission as Permission }) }
  return usePages('listUserResources', { path: { id: user }, query })
}

interface ResourcesProps {
  readonly query: Readonly<Record<string, string>>
  readonly resources: Pages<Resource>
}

function Resources({ query, resources }: ResourcesProps) {
  const { user, resource, q, permission } = query
  const narrow = (change: Record<string, string>) => replace('people', { user, resource, q, permission, ...change })
  return (
    <section class="card resources" aria-label="Resources">
      <h2>
        Resources{' '}
        <span class="quiet">
          {resources.items.length}
          {resources.complete ? '' : '+'}
        </span>
      </h2>
      <div class="filters">
        <input
          type="search"
          aria-label="Name begins with"
          placeholder="Begins with…"
          value={q ?? ''}
          onInput={(event) => narrow({ q: event.currentTarget.value })}
        />
        <select
          aria-label="At least"
          value={permission ?? ''}
          onChange={(event) => narrow({ permission: event.currentTarget.value })}
        >
          <option value="">any level</option>
          {ENUMS.Permission.slice(1).map((each) => (
            <option key={each} value={each}>
              at least {each}
            </option>
          ))}
        </select>
      </div>
      {resources.error && <Failure error={resources.error} retry={resources.reload} />}
      {resources.loading && resources.items.length === 0 && <LoadingBar label="Loading the resources" />}
      {resources.complete && resources.items.length === 0 && (
        <Empty>{!q && !permission ? 'Nothing to see.' : 'Nothing that matches the filter.'}</Empty>
      )}
      {resources.items.length > 0 && (
        <VirtualList
          items={resources.items}
          label="Resources that this person may see"
          rowHeight={40}
          keyOf={({ id }) => id}
          selected={resources.items.find(({ id, name }) => id === resource || `name:${name}` === resource)?.id ?? null}
          onSelect={({ id, name }) => go('people', { user, q, permission, resource: id, name })}
          onEnd={resources.more}
          row={({ name, kind, permission: level }) => (
            <>
              <span class="row-name" title={name}>
                {name}
              </span>
              <span class="quiet row-kind">{kind}</span>
              <Level of={level} />
            </>
          )}
        />
      )}
      {resources.cacheStatus !== null && <p class="quiet line foot">{inWords(resources.cacheStatus)}</p>}
    </section>
  )
}

function Why({
  query,
  explanation,
}: {
  query: Readonly<Record<string, string>> & { readonly user: string }
  explanation: Loaded<Explanation>
}) {
  const { user, resource, name } = query
  const box = useRef<HTMLElement>(null)
  const mayAskOthers = useRole('admin')
  const found = useLoaded(
    'getResource',
    resource !== undefined && name === undefined ? { path: { id: resource } } : null,
  )
  const shownName = name ?? found.answer?.data.name ?? resource ?? ''
  const ready = explanation.answer !== null
  useEffect(() => {
    // On a phone the picture is below the tapped row.
    const element = box.current
    if (ready && element !== null && element.getBoundingClientRect().top > window.innerHeight - 120)
      element.scrollIntoView({ block: 'start' })
  }, [ready, resource])
  return (
    <section class="card why" ref={box} aria-label="Why">
      {resource === undefined ? (
        <>
          <h2>Why</h2>
          <Empty>Select a resource to see every path that leads to it.</Empty>
        </>
      ) : (
        <>
          <h2>
            Why {user} sees {shownName} {explanation.answer && <Level of={explanation.answer.data.permission} />}{' '}
            {explanation.answer && <End expiresAt={explanation.answer.data.expiresAt} />}
          </h2>
          <p class="quiet line">
            From the database, never from the cache
            {mayAskOthers && (
              <>
                {' · '}
                <a href={linkTo('resource', { resource, name: shownName })}>who else sees it</a>
              </>
            )}
          </p>
          {explanation.loading && explanation.answer === null && <LoadingBar label="Looking for the paths" />}
          {explanation.error && <Failure error={explanation.error} retry={explanation.reload} />}
          {explanation.answer && <PathPicture user={user} resource={shownName} paths={explanation.answer.data.paths} />}
        </>
      )}
    </section>
  )
}

/** `portcullis; hit; ttl=898` as a sentence. */
function inWords(cacheStatus: string): string {
  const detail = /detail=([^;]+)/.exec(cacheStatus)?.[1]
  const because = detail === undefined ? '' : ` (${detail})`
  if (cacheStatus.includes('; hit')) {
    const ttl = /ttl=(\d+)/.exec(cacheStatus)?.[1]
    return `From the cache${because}${ttl === undefined ? '' : `, ${ttl} s left to live`}.`
  }
  return cacheStatus.includes('fwd=miss') ? `Loaded now${because}.` : `From the database${because}.`
}
