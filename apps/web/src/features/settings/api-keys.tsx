import type { ApiKey, ApiKeyCreated, Role } from '@muster/contracts';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, fieldError, otherError, serverNow } from '../../lib/api/client';
import { apiKeysQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { Confirm } from '../../components/confirm';
import { Command } from '../../components/copyable';
import { EmptyState } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { Select, Field } from '../../components/field';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { Age, DateTime } from '../../components/time';
import { toPlainText } from '../../lib/plain-text';
import { expiryOf, isKeyOver, type Lifetime } from './expiry';

/** The API keys, and the form that creates one. */
export function ApiKeys() {
  const list = useInfiniteQuery(apiKeysQuery());
  return (
    <>
      <CreateKey />
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
                    <span className="spoken">Revoke</span>
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
  const [asks, setAsks] = useState(false);
  const isOver = isKeyOver(apiKey, serverNow());
  return (
    <tr className={isOver ? 'is-stale' : ''}>
      <td>
        <IsolatedText text={apiKey.name} />
      </td>
      <td>{apiKey.role === 'admin' ? 'Read and write' : 'Read only'}</td>
      <td>
        <DateTime at={apiKey.createdAt} />
      </td>
      <td>
        <Creator of={apiKey} />
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
        {!isOver && (
          <Button kind="quiet" aria-label={toPlainText(`Revoke ${apiKey.name}`)} onClick={() => setAsks(true)}>
            Revoke…
          </Button>
        )}
        {asks && (
          <Confirm
            title={
              <>
                Revoke <IsolatedText text={apiKey.name} />?
              </>
            }
            action="Revoke the key"
            onClose={() => setAsks(false)}
            onConfirm={async () => {
              await api.call('revokeApiKey', { params: { apiKeyId: apiKey.id } });
              await client.invalidateQueries({ queryKey: ['api-keys'] });
            }}
          >
            <p>Anything using this key loses access within seconds. This cannot be undone.</p>
          </Confirm>
        )}
      </td>
    </tr>
  );
}

/** The creator of a key, which is a user or key with its current name, or Muster for a key from its configuration. */
function Creator({ of: { createdBy, createdByName } }: { of: ApiKey }) {
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
function CreateKey() {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [lifetime, setLifetime] = useState<Lifetime>('90');
  const [made, setMade] = useState<ApiKeyCreated | null>(null);
  const making = useMutation({
    mutationFn: () => api.call('createApiKey', { body: { name, role, expiresAt: expiryOf(lifetime, serverNow()) } }),
    onSuccess: (key) => {
      setMade(key);
      setName('');
      void client.invalidateQueries({ queryKey: ['api-keys'] });
    },
  });
  return (
    <form
      className="card stack make"
      onSubmit={(event) => {
        event.preventDefault();
        making.mutate();
      }}
    >
      <div className="columns">
        <Field
          label="Key name"
          required
          placeholder="backup script"
          value={name}
          error={fieldError(making.error, 'name')}
          onChange={(event) => setName(event.target.value)}
        />
        <Select label="Access" value={role} options={ROLES} onChange={setRole} />
        <Select label="Expires" value={lifetime} options={LIFETIMES} onChange={setLifetime} />
      </div>
      <ErrorNote error={otherError(making.error)} />
      {made !== null && (
        <div className="stack" role="status">
          <p>
            Copy the key{' '}
            <strong>
              <IsolatedText text={made.name} />
            </strong>{' '}
            now: it is shown only once.
          </p>
          <Command text={made.key} label="API key" />
        </div>
      )}
      <div className="actions">
        <Button type="submit" busy={making.isPending}>
          Create key
        </Button>
      </div>
    </form>
  );
}
