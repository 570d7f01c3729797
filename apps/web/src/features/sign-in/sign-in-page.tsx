import type { OidcFailure, OidcRefusal } from '@muster/contracts';
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
const FAILURE_MESSAGES: Readonly<Record<'ended' | `oidc-${OidcFailure | OidcRefusal}`, string>> = {
  ended: 'Your session has ended. Sign in to continue.',
  'oidc-no-email':
    'Your identity provider sent no email address that Muster can use. Ask the administrator of the identity provider.',
  'oidc-unverified':
    'Your identity provider does not confirm your email address, so Muster cannot match it to an account. Ask the ' +
    'operator of this Muster server; the server’s log states what to do.',
  'oidc-domain': 'Email addresses of your domain may not sign in to this Muster server. Ask its operator.',
  'oidc-unknown': 'You have no account on this Muster server. Ask an owner for an invitation.',
  'oidc-removed': 'Your account on this Muster server was removed. Ask an owner for an invitation.',
  'oidc-role':
    'None of your groups gives you access to this Muster server. Ask the administrator of the identity provider to add ' +
    'you to one that does.',
  'oidc-role-ended':
    'Your groups no longer give you access to this Muster server, so you have been signed out everywhere. Ask the ' +
    'administrator of the identity provider to add you to a group that does.',
  'oidc-groups':
    'You are in so many groups that your identity provider does not send them, so Muster cannot determine your role. ' +
    'If you were signed in, you have been signed out everywhere. Ask the operator of this Muster server; the server’s ' +
    'log states what to do.',
  'oidc-refused': 'The sign-in was canceled or rejected.',
  'oidc-mismatched': 'The sign-in timed out, or was started in another window or at another address. Try again.',
  'oidc-unavailable':
    'The identity provider is unavailable or not set up correctly. Try again later. If that does not help, ask the ' +
    'operator of this Muster server; the server’s log states the cause.',
};

/**
 * Returns the message for a value of `why`. Anyone can write any value into a link, so only known values have a
 * message.
 */
const failureMessage = (why = ''): string | undefined =>
  Object.hasOwn(FAILURE_MESSAGES, why) ? FAILURE_MESSAGES[why as keyof typeof FAILURE_MESSAGES] : undefined;

/** The page for signing in with a password or the organization's identity provider. */
export function SignInPage(): ReactNode {
  const { next = '/', why } = route.useSearch();
  const options = useQuery(signInOptionsQuery);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useSignIn(() => api.call('signIn', { body: { email, password } }), next);

  if (options.data?.setupRequired === true) return <SetupNotice />;
  const oidc = options.data?.oidc ?? null;
  const message = failureMessage(why);
  return (
    <AuthLayout title="Sign in">
      {message !== undefined && <Note>{message}</Note>}
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
