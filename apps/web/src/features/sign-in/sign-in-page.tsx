import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { api } from '../../lib/api/client';
import { signInOptionsQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { Note } from '../../components/note';
import { AuthLayout } from './auth-layout';
import { useSignIn } from './use-sign-in';
import { IsolatedText } from '../../components/isolated-text';

const route = getRouteApi('/sign-in');

/** The messages for users who are redirected to this page, by the value of the query parameter `why`. */
const FAILURE_MESSAGES: Readonly<Record<string, string>> = {
  ended: 'Your session has ended. Sign in to continue.',
  'oidc-unknown':
    'You have no account on this Muster server, or your identity provider has not verified your email address. ' +
    'Ask an owner for an invitation.',
  'oidc-refused': 'The sign-in was canceled or rejected.',
  'oidc-mismatched': 'The sign-in timed out or was started in another window. Try again.',
  'oidc-unavailable': 'The identity provider is unavailable. Try again later.',
};

/** The page for signing in with a password or the organization's identity provider. */
export function SignInPage(): ReactNode {
  const { next = '/', why } = route.useSearch();
  const options = useQuery(signInOptionsQuery);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useSignIn(() => api.call('signIn', { body: { email, password } }), next);

  if (options.data?.setupRequired === true) return <SetupNotice />;
  const oidc = options.data?.oidc ?? null;
  return (
    <AuthLayout title="Sign in">
      {why !== undefined && Object.hasOwn(FAILURE_MESSAGES, why) && <Note>{FAILURE_MESSAGES[why]}</Note>}
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate(undefined);
        }}
      >
        <Field
          label="Email"
          type="email"
          autoComplete="username"
          required
          autoFocus
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <Field
          label="Password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <ErrorNote error={signIn.error ?? options.error} />
        <Button type="submit" kind="primary" busy={signIn.isPending}>
          Sign in
        </Button>
      </form>
      {oidc !== null && (
        <a
          className="button button-plain auth-oidc"
          href={`${oidc.startPath}?${new URLSearchParams({ next }).toString()}`}
        >
          Sign in with <IsolatedText text={oidc.name} />
        </a>
      )}
    </AuthLayout>
  );
}

function SetupNotice() {
  return (
    <AuthLayout title="Set up Muster">
      <div className="prose">
        <p>
          There is no account yet. Open the setup link that Muster printed when it started or wrote to{' '}
          <code>.muster/data/setup-link</code>. If the link has expired, restart Muster to get a new one.
        </p>
      </div>
    </AuthLayout>
  );
}
