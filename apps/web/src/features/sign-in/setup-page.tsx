import { PASSWORD_LENGTH_MIN } from '@muster/contracts';
import { useState, type ReactNode } from 'react';
import { api, fieldError, formError } from '../../lib/api/client';
import { Button } from '../../components/button';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { AuthLayout } from './auth-layout';
import { useSignIn } from './use-sign-in';
import { useLinkToken } from './link-token';

/** The page that the setup link opens. It creates the owner account. */
export function SetupPage(): ReactNode {
  const token = useLinkToken();
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useSignIn(() => api.call('setUp', { body: { token, name, email, password } }));
  const { error } = signIn;
  return (
    <AuthLayout title="Welcome to Muster">
      <p className="soft">Create the owner account. You can invite others later.</p>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate(undefined);
        }}
      >
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
          label="Email"
          type="email"
          autoComplete="username"
          required
          value={email}
          error={fieldError(error, 'email')}
          onChange={(event) => setEmail(event.target.value)}
        />
        <Field
          label="Password"
          type="password"
          autoComplete="new-password"
          required
          minLength={PASSWORD_LENGTH_MIN}
          hint={`At least ${PASSWORD_LENGTH_MIN} characters. A few unrelated words work well.`}
          value={password}
          error={fieldError(error, 'password')}
          onChange={(event) => setPassword(event.target.value)}
        />
        <ErrorNote error={formError(error)} />
        <Button type="submit" kind="primary" busy={signIn.isPending}>
          Create account
        </Button>
      </form>
    </AuthLayout>
  );
}
