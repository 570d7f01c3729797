import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { api } from '../../lib/api/client';
import { signInOptionsQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { Door } from './auth-layout';
import { useEnter } from './enter';
import { IsolatedText } from '../../components/isolated-text';

const route = getRouteApi('/sign-in');

/** Why somebody is here who wanted to be elsewhere. */
const WHY: Readonly<Record<string, string>> = {
  ended: 'Your session has ended. Sign in to go on where you were.',
  'oidc-unknown':
    'You are known there, but not here: nobody has invited you, or your address is not confirmed there. Ask an owner for an invitation.',
  'oidc-refused': 'You were not signed in there.',
  'oidc-mismatched': 'That took too long, or was begun elsewhere. Try it again.',
  'oidc-unavailable': 'That cannot be reached at the moment, or gives no answer that is one. Try it again later.',
};

/** The way in, by password or by the organization's identity provider. */
export function SignInPage(): ReactNode {
  const { next = '/', why } = route.useSearch();
  const options = useQuery(signInOptionsQuery);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const enter = useEnter(() => api.call('signIn', { body: { email, password } }), next);

  if (options.data?.setupRequired === true) return <SetupFirst />;
  const oidc = options.data?.oidc ?? null;
  return (
    <Door title="Sign in">
      {why !== undefined && Object.hasOwn(WHY, why) && <p className="note">{WHY[why]}</p>}
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          enter.mutate(undefined);
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
        <ErrorNote error={enter.error ?? options.error} />
        <Button type="submit" kind="primary" busy={enter.isPending}>
          Sign in
        </Button>
      </form>
      {oidc !== null && (
        <a
          className="button button-plain door-oidc"
          href={`${oidc.startPath}?${new URLSearchParams({ next }).toString()}`}
        >
          Sign in with <IsolatedText text={oidc.name} />
        </a>
      )}
    </Door>
  );
}

function SetupFirst() {
  return (
    <Door title="Almost there">
      <div className="prose">
        <p>Nobody has an account here yet.</p>
        <p>
          When Muster started, it printed a link that makes the first account, the owner’s. Open that link. If it is out
          of sight or too old, start Muster again: it prints a new one.
        </p>
      </div>
    </Door>
  );
}
