import type { EnrollmentTokenCreated } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { api, fieldError, otherError } from '../../lib/api/client';
import { useMayChange } from '../../lib/session';
import { Button } from '../../components/button';
import { Empty } from '../../components/empty';
import { ErrorNote } from '../../components/error-note';
import { Choice, Field } from '../../components/field';
import { Moment } from '../../components/time';
import { useTitle } from '../../lib/title';
import { Arrivals } from './arrivals';
import { EnrolCommands } from './enroll-commands';

/** Adds a host: makes a token, says what to run, and waits with whoever runs it until the host reports. */
export function AddHostPage(): ReactNode {
  useTitle('Add a host');
  const mayChange = useMayChange();
  const [token, setToken] = useState<EnrollmentTokenCreated | null>(null);
  if (!mayChange) {
    return (
      <Empty title="Only an admin can add a host">
        <p>Ask an admin or the owner of this organization.</p>
      </Empty>
    );
  }
  return (
    <div className="narrow">
      <h1>Add a host</h1>
      {token === null ? <MakeToken onMade={setToken} /> : <RunAgent token={token} onAgain={() => setToken(null)} />}
    </div>
  );
}

type Uses = '1' | '10' | '100';
const USES: readonly { value: Uses; label: string }[] = [
  { value: '1', label: 'one host' },
  { value: '10', label: 'up to 10 hosts' },
  { value: '100', label: 'up to 100 hosts' },
];

function MakeToken({ onMade }: { onMade: (token: EnrollmentTokenCreated) => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [uses, setUses] = useState<Uses>('1');
  const making = useMutation({
    mutationFn: () =>
      api.call('createEnrollmentToken', { body: { name: name.trim() || 'from the dashboard', maxUses: Number(uses) } }),
    onSuccess: (token) => {
      void client.invalidateQueries({ queryKey: ['enrollment-tokens'] });
      onMade(token);
    },
  });
  return (
    <section className="card">
      <div className="prose">
        <p>
          Muster learns of containers from a small agent beside each Docker or Podman engine. An enrollment token lets
          the agent in; it is good for a day.
        </p>
      </div>
      <form
        className="stack add-form"
        onSubmit={(event) => {
          event.preventDefault();
          making.mutate();
        }}
      >
        <Field
          label="What is it for?"
          placeholder="web servers"
          hint="A note for you, in the list of tokens."
          autoFocus
          value={name}
          error={fieldError(making.error, 'name')}
          onChange={(event) => setName(event.target.value)}
        />
        <Choice label="How many hosts may use it?" value={uses} options={USES} onChange={setUses} />
        <ErrorNote error={otherError(making.error)} />
        <div className="actions">
          <Button type="submit" kind="primary" busy={making.isPending}>
            Make a token
          </Button>
        </div>
      </form>
    </section>
  );
}

function RunAgent({ token, onAgain }: { token: EnrollmentTokenCreated; onAgain: () => void }) {
  return (
    <>
      <section className="card" aria-labelledby="run-title">
        <h2 id="run-title" className="card-title">
          Run the agent there
        </h2>
        <EnrolCommands token={token.token} />
        <p className="soft add-note">
          The token is shown this once. It lets {token.maxUses === 1 ? 'one host' : `${token.maxUses} hosts`} in, until{' '}
          <Moment at={token.expiresAt} />.
        </p>
      </section>
      <Arrivals since={token.createdAt} onAgain={onAgain} />
    </>
  );
}
