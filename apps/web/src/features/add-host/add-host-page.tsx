import type { EnrollmentTokenCreated, HostLabels } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { api, fieldError, formError } from '../../lib/api/client';
import { labelError, parseLabelLines } from '../../lib/host-labels';
import { useCanEdit } from '../../lib/session';
import { Button } from '../../components/button';
import { EmptyState } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { Select, Field } from '../../components/field';
import { LabelsField } from '../../components/labels-field';
import { DateTime } from '../../components/time';
import { useTitle } from '../../lib/title';
import { NewHosts } from './new-hosts';
import { EnrollCommands } from './enroll-commands';

/**
 * The page that adds a host: creates an enrollment token, shows the command that runs the agent, and waits for the
 * first report.
 */
export function AddHostPage(): ReactNode {
  useTitle('Add a host');
  const canEdit = useCanEdit();
  const [token, setToken] = useState<EnrollmentTokenCreated | null>(null);
  if (!canEdit) {
    return (
      <EmptyState title="Only an admin can add a host">
        <p>Ask an admin or an owner of this organization.</p>
      </EmptyState>
    );
  }
  return (
    <div className="narrow">
      <h1>Add a host</h1>
      {token === null ? (
        <CreateTokenForm onCreated={setToken} />
      ) : (
        <AgentCommands token={token} onAddAnother={() => setToken(null)} />
      )}
    </div>
  );
}

type Uses = '1' | '10' | '100';
const USES: readonly { value: Uses; label: string }[] = [
  { value: '1', label: '1 host' },
  { value: '10', label: 'Up to 10 hosts' },
  { value: '100', label: 'Up to 100 hosts' },
];

function CreateTokenForm({ onCreated }: { onCreated: (token: EnrollmentTokenCreated) => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [labels, setLabels] = useState('');
  const [labelProblem, setLabelProblem] = useState<string>();
  const [uses, setUses] = useState<Uses>('1');
  const createMutation = useMutation({
    mutationFn: (hostLabels: HostLabels) =>
      api.call('createEnrollmentToken', {
        body: {
          name: name.trim() || 'Unnamed token',
          maxUses: Number(uses),
          // A server before version 0.5 refuses labels.
          ...(Object.keys(hostLabels).length > 0 ? { labels: hostLabels } : {}),
        },
      }),
    onSuccess: (token) => {
      void client.invalidateQueries({ queryKey: ['enrollment-tokens'] });
      onCreated(token);
    },
  });
  const nameError = fieldError(createMutation.error, 'name');
  return (
    <section className="card">
      <div className="prose">
        <p>
          Run the Muster agent on each Docker or Podman host. The agent needs an enrollment token, which is valid for 24
          hours.
        </p>
      </div>
      <form
        className="stack add-form"
        onSubmit={(event) => {
          event.preventDefault();
          const parsed = parseLabelLines(labels);
          setLabelProblem('error' in parsed ? parsed.error : undefined);
          if ('labels' in parsed) createMutation.mutate(parsed.labels);
        }}
      >
        <Field
          label="Token name"
          placeholder="web servers"
          hint="Shown in the token list."
          autoFocus
          value={name}
          error={nameError}
          onChange={(event) => setName(event.target.value)}
        />
        <Select label="Number of hosts" value={uses} options={USES} onChange={setUses} />
        <LabelsField
          label="Labels (optional)"
          value={labels}
          hint="One per line. The hosts get these labels. Agents and operators can set others."
          error={labelProblem ?? (nameError === undefined ? labelError(createMutation.error, 'labels') : undefined)}
          onChange={setLabels}
        />
        <ErrorNote error={formError(createMutation.error)} />
        <div className="actions">
          <Button type="submit" kind="primary" busy={createMutation.isPending}>
            Create token
          </Button>
        </div>
      </form>
    </section>
  );
}

function AgentCommands({ token, onAddAnother }: { token: EnrollmentTokenCreated; onAddAnother: () => void }) {
  return (
    <>
      <section className="card" aria-labelledby="run-title">
        <h2 id="run-title" className="card-title">
          Run the agent on the host
        </h2>
        <EnrollCommands token={token.token} isForOneHost={token.maxUses === 1} />
        <p className="soft add-note">
          Copy the command now: the token is shown only once. It enrolls{' '}
          {token.maxUses === 1 ? '1 host' : `up to ${token.maxUses} hosts`} until <DateTime at={token.expiresAt} />.
        </p>
      </section>
      <NewHosts since={token.createdAt} onAddAnother={onAddAnother} />
    </>
  );
}
