import type { ApiKey, ApiKeyCreated, Role } from '@muster/contracts';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, fieldError, formError, serverNow } from '../../lib/api/client';
import { apiKeysQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { ConfirmDialog } from '../../components/confirm';
import { Command } from '../../components/copyable';
import { EmptyState } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { Select, Field } from '../../components/field';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { Age, DateTime } from '../../components/time';
import { toPlainText } from '../../lib/plain-text';
import { toExpiresAt, isKeyInvalid, type Lifetime } from './expiry';

/** The list of API keys, and the form that creates a key. */
export function ApiKeys() {
  const list = useInfiniteQuery(apiKeysQuery());
  return (
    <>
      <CreateKeyForm />
      <ListStates list={list} what="API keys" empty={<EmptyState title="No API keys" />}>
        {(items) => (
          <div className="table" tabIndex={0} role="region" aria-label="API keys">
            <table>
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Access</th>
                  <th scope="col">Created</th>
                  <th scope="col">Created by</th>
                  <th scope="col">Last used</th>
                  <th scope="col">Expires</th>
                  <th scope="col">
                    <span className="visually-hidden">Revoke</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((key) => (
                  <KeyRow key={key.id} apiKey={key} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </ListStates>
    </>
  );
}

function KeyRow({ apiKey }: { apiKey: ApiKey }) {
  const client = useQueryClient();
  const [isConfirming, setConfirming] = useState(false);
  const isInvalid = isKeyInvalid(apiKey, serverNow());
  return (
    <tr className={isInvalid ? 'is-stale' : ''}>
      <td>
        <IsolatedText text={apiKey.name} />
      </td>
      <td>{apiKey.role === 'admin' ? 'Read and write' : 'Read only'}</td>
      <td>
        <DateTime at={apiKey.createdAt} />
      </td>
      <td>
        <Creator apiKey={apiKey} />
      </td>
      <td>
        <Age at={apiKey.lastUsedAt} />
      </td>
      <td>
        {apiKey.revokedAt !== null ? (
          <>
            Revoked <Age at={apiKey.revokedAt} />
          </>
        ) : apiKey.expiresAt === null ? (
          <span className="soft">Never</span>
        ) : (
          <DateTime at={apiKey.expiresAt} />
        )}
      </td>
      <td className="is-action">
        {!isInvalid && (
          <Button kind="quiet" aria-label={toPlainText(`Revoke ${apiKey.name}`)} onClick={() => setConfirming(true)}>
            Revoke…
          </Button>
        )}
        {isConfirming && (
          <ConfirmDialog
            title={
              <>
                Revoke <IsolatedText text={apiKey.name} />?
              </>
            }
            action="Revoke the key"
            onClose={() => setConfirming(false)}
            onConfirm={async () => {
              await api.call('revokeApiKey', { params: { apiKeyId: apiKey.id } });
              await client.invalidateQueries({ queryKey: ['api-keys'] });
            }}
          >
            <p>Programs that use this key lose access within seconds. This cannot be undone.</p>
          </ConfirmDialog>
        )}
      </td>
    </tr>
  );
}

/** The creator of a key: the current name of a user or API key, or Muster's configuration. */
function Creator({ apiKey: { createdBy, createdByName } }: { apiKey: ApiKey }) {
  if (createdBy === null) return <span className="soft">Not recorded</span>;
  if (createdBy === 'system') return <span className="soft">Muster configuration</span>;
  return (
    <span title={createdBy}>
      {createdBy.startsWith('api_key:') ? 'Key ' : ''}
      <IsolatedText text={createdByName ?? createdBy} />
    </span>
  );
}

const LIFETIMES: readonly { value: Lifetime; label: string }[] = [
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In 1 year' },
  { value: 'never', label: 'Never' },
];
const ROLES: readonly { value: Role; label: string }[] = [
  { value: 'viewer', label: 'Read only' },
  { value: 'admin', label: 'Read and write' },
];
function CreateKeyForm() {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [lifetime, setLifetime] = useState<Lifetime>('90');
  const [createdKey, setCreatedKey] = useState<ApiKeyCreated | null>(null);
  const createMutation = useMutation({
    mutationFn: () => api.call('createApiKey', { body: { name, role, expiresAt: toExpiresAt(lifetime, serverNow()) } }),
    onSuccess: (key) => {
      setCreatedKey(key);
      setName('');
      void client.invalidateQueries({ queryKey: ['api-keys'] });
    },
  });
  return (
    <form
      className="card stack make"
      onSubmit={(event) => {
        event.preventDefault();
        createMutation.mutate();
      }}
    >
      <div className="columns">
        <Field
          label="Key name"
          required
          placeholder="backup script"
          value={name}
          error={fieldError(createMutation.error, 'name')}
          onChange={(event) => setName(event.target.value)}
        />
        <Select label="Access" value={role} options={ROLES} onChange={setRole} />
        <Select label="Expires" value={lifetime} options={LIFETIMES} onChange={setLifetime} />
      </div>
      <ErrorNote error={formError(createMutation.error)} />
      {createdKey !== null && (
        <div className="stack" role="status">
          <p>
            Copy the key{' '}
            <strong>
              <IsolatedText text={createdKey.name} />
            </strong>{' '}
            now: it is shown only once.
          </p>
          <Command text={createdKey.key} label="API key" />
        </div>
      )}
      <div className="actions">
        <Button type="submit" busy={createMutation.isPending}>
          Create key
        </Button>
      </div>
    </form>
  );
}
