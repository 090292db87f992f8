/** The frame: the person that is signed in, the views, and the view that the address names. */
import type { ComponentType } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { forgetLive } from './api/live.ts'
import { LoadingBar } from './parts/states.tsx'
import { linkTo, usePlace, type ViewProps } from './router.ts'
import { type Role, signOut, useSession } from './session.ts'
import { AuditView } from './views/audit.tsx'
import { CacheView } from './views/cache.tsx'
import { ChangesView } from './views/changes.tsx'
import { ClusterView } from './views/cluster.tsx'
import { EntriesView } from './views/entries.tsx'
import { FlushView } from './views/flush.tsx'
import { PeopleView } from './views/people.tsx'
import { ResourceView } from './views/resource.tsx'
import { SignIn } from './views/sign-in.tsx'

interface View {
  readonly title: string
  readonly view: ComponentType<ViewProps>
  /** Without this role the service refuses all its calls. */
  readonly needs?: Role
}

const VIEWS: Readonly<Record<string, View>> = {
  people: { title: 'People', view: PeopleView },
  resource: { title: 'Resources', view: ResourceView, needs: 'admin' },
  cache: { title: 'Cache', view: CacheView, needs: 'cache-admin' },
  cluster: { title: 'Cluster', view: ClusterView, needs: 'cache-admin' },
  entries: { title: 'Entries', view: EntriesView, needs: 'cache-admin' },
  changes: { title: 'Changes', view: ChangesView, needs: 'admin' },
  flush: { title: 'Flush', view: FlushView, needs: 'cache-admin' },
  audit: { title: 'Audit', view: AuditView, needs: 'admin' },
}
const FIRST = 'people'

export function App() {
  const session = useSession()
  const { view: named, query } = usePlace()
  const name = named in VIEWS ? named : FIRST
  const current = VIEWS[name]
  const signedIn = session.state === 'signed-in'
  const title = signedIn && current ? current.title : 'Sign in'
  const main = useRef<HTMLElement>(null)
  const shown = useRef(title)
  useEffect(() => {
    document.title = `${title} · Portcullis`
    // On a phone the row of views is wider than the screen.
    document.querySelector('.top nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
    // A new view is read from its beginning, but the first one does not take the focus from where it is.
    if (shown.current !== title) main.current?.focus({ preventScroll: true })
    shown.current = title
  }, [title])
  useEffect(() => {
    if (!signedIn) forgetLive()
  }, [signedIn])

  return (
    <>
      <a class="skip" href={linkTo(name, query)} onClick={() => main.current?.focus()}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={linkTo(FIRST)}>
          <img src="/console/icon.svg" alt="" width="26" height="26" /> Portcullis
        </a>
        {session.state === 'signed-in' && (
          <>
            <nav aria-label="Views">
              {Object.entries(VIEWS)
                // A link to another one still leads there, and to what it needs.
                .filter(([each, { needs }]) => each === name || needs === undefined || session.me.roles.includes(needs))
                .map(([each, { title: text }]) => (
                  <a key={each} href={linkTo(each)} aria-current={each === name ? 'page' : undefined}>
                    {text}
                  </a>
                ))}
            </nav>
            <div class="who">
              <span title={session.me.roles.join(', ')}>{session.me.id}</span>
              <button type="button" onClick={() => signOut()}>
                Sign out
              </button>
            </div>
          </>
        )}
      </header>
      <main ref={main} tabIndex={-1}>
        {session.state === 'signing-in' && <LoadingBar label="Signing in" />}
        {session.state === 'signed-out' && <SignIn why={session.why} />}
        {session.state === 'signed-in' && current && <current.view query={query} key={name} />}
      </main>
    </>
  )
}
