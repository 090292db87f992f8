import { useId } from 'preact/hooks'
import { useSignIn } from '../oidc.ts'
import { signIn, signInAtIssuer } from '../session.ts'

export function SignIn({ why }: { why: string | undefined }) {
  const id = useId()
  const config = useSignIn()
  return (
    <section class="card narrow">
      <h1>Sign in</h1>
      {why !== undefined && (
        <p class="notice" role="alert">
          {why}
        </p>
      )}
      {config !== null && (
        <p>
          <button type="button" class="primary" onClick={() => void signInAtIssuer(config)}>
            Sign in at {new URL(config.issuer).host}
          </button>
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const given = new FormData(event.currentTarget).get('token')
          if (typeof given === 'string' && given.trim() !== '') void signIn(given)
        }}
      >
        <div class="field">
          <label for={id}>{config === null ? 'Access token' : 'Or an access token'}</label>
          <input id={id} name="token" type="password" autoComplete="off" required placeholder="eyJ…" />
        </div>
        <button type="submit" class={config === null ? 'primary' : ''}>
          Sign in
        </button>
      </form>
      <p class="quiet">
        The token is kept in this page's memory only: a reload forgets it. People and the audit trail need the role{' '}
        <code>admin</code>, the cache <code>cache-admin</code>.
      </p>
      <p class="quiet">
        On the local stack <code>npm start</code> prints a link that signs in once, and this prints a token:
      </p>
      <pre>npm run --silent token -- you --admin --cache-admin</pre>
    </section>
  )
}
