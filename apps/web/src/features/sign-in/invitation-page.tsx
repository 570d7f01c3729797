import { PASSWORD_LENGTH_MIN } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { api, fieldError, formError } from '../../lib/api/client';
import { Button } from '../../components/button';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { AuthLayout } from './auth-layout';
import { useSignIn } from './use-sign-in';
import { useLinkToken } from './link-token';
import { IsolatedText } from '../../components/isolated-text';

/** The page that an invitation link opens. It shows the organization and the role, and creates the account. */
export function InvitationPage(): ReactNode {
  const token = useLinkToken();
  const offer = useQuery({
    queryKey: ['invitation-offer', token],
    queryFn: ({ signal }) => api.call('getInvitationOffer', { body: { token } }, { signal }),
  });
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useSignIn(() => api.call('acceptInvitation', { body: { token, name, password } }));
  const { error } = signIn;

  if (offer.isError) {
    return (
      <AuthLayout title="This invitation cannot be used">
        <ErrorNote error={offer.error} />
        <p className="soft">
          The invitation may have been used or revoked, or it may have expired. Ask for a new invitation.
        </p>
      </AuthLayout>
    );
  }
  if (!offer.data) return <Loading what="the invitation" />;
  const { email, organization, role } = offer.data;
  return (
    <AuthLayout
      title={
        <>
          Join <IsolatedText text={organization} />
        </>
      }
    >
      <p className="soft">
        You are invited as <strong>{role}</strong> (<IsolatedText text={email} />)
      </p>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate(undefined);
        }}
      >
        <input type="hidden" autoComplete="username" value={email} readOnly />
        <Field
          label="Your name"
          autoComplete="name"
          required
          autoFocus
          value={name}
          error={fieldError(error, 'name')}
          onChange={(event) => setName(event.target.value)}
        />
        <Field
          label="Password"
          type="password"
          autoComplete="new-password"
          required
          minLength={PASSWORD_LENGTH_MIN}
          hint={`At least ${PASSWORD_LENGTH_MIN} characters.`}
          value={password}
          error={fieldError(error, 'password')}
          onChange={(event) => setPassword(event.target.value)}
        />
        <ErrorNote error={formError(error)} />
        <Button type="submit" kind="primary" busy={signIn.isPending}>
          Accept and sign in
        </Button>
      </form>
    </AuthLayout>
  );
}
