import { PASSWORD_LENGTH_MIN, type SessionItem } from '@muster/contracts';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, fieldError, formError } from '../../lib/api/client';
import { sessionQuery, sessionsQuery } from '../../lib/api/queries';
import { useSession } from '../../lib/session';
import { Button } from '../../components/button';
import { ConfirmDialog } from '../../components/confirm';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { Note } from '../../components/note';
import { IsolatedText } from '../../components/isolated-text';
import { Age } from '../../components/time';
import { ROLE_LABELS } from '../../lib/format-role';
import { formatBrowser } from './format-browser';

/** The user's own account: name, role, password and sessions. */
export function Account() {
  const session = useSession();
  if (session === null) return null;
  return (
    <div className="narrow">
      <section className="card" aria-labelledby="you-title">
        <h2 id="you-title" className="card-title">
          <IsolatedText text={session.user?.name ?? session.apiKey?.name ?? ''} />
        </h2>
        <p className="soft">
          {session.user !== null && (
            <>
              <IsolatedText text={session.user.email} /> ·{' '}
            </>
          )}
          {ROLE_LABELS[session.role]} · <IsolatedText text={session.organization.name} />
        </p>
      </section>
      {session.user !== null && (
        <>
          <PasswordForm />
          <Sessions />
        </>
      )}
    </div>
  );
}

function PasswordForm() {
  const client = useQueryClient();
  const [currentPassword, setCurrentPassword] = useState('');
  const [newPassword, setNewPassword] = useState('');
  const changeMutation = useMutation({
    mutationFn: () => api.call('changePassword', { body: { currentPassword, newPassword } }),
    onSuccess: () => {
      setCurrentPassword('');
      setNewPassword('');
      void client.invalidateQueries({ queryKey: sessionsQuery.queryKey });
    },
  });
  return (
    <section className="card" aria-labelledby="password-title">
      <h2 id="password-title" className="card-title">
        Password
      </h2>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          changeMutation.mutate();
        }}
      >
        <Field
          label="Current password"
          type="password"
          autoComplete="current-password"
          required
          value={currentPassword}
          error={fieldError(changeMutation.error, 'currentPassword')}
          onChange={(event) => setCurrentPassword(event.target.value)}
        />
        <Field
          label="New password"
          type="password"
          autoComplete="new-password"
          required
          minLength={PASSWORD_LENGTH_MIN}
          hint={`At least ${PASSWORD_LENGTH_MIN} characters.`}
          value={newPassword}
          error={fieldError(changeMutation.error, 'newPassword')}
          onChange={(event) => setNewPassword(event.target.value)}
        />
        <ErrorNote error={formError(changeMutation.error)} />
        {changeMutation.isSuccess && (
          <Note role="status">The password was changed, and all other sessions were signed out.</Note>
        )}
        <div className="actions">
          <Button type="submit" busy={changeMutation.isPending}>
            Change password
          </Button>
        </div>
      </form>
    </section>
  );
}

function Sessions() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(sessionsQuery);
  const [isConfirming, setConfirming] = useState(false);
  const endMutation = useMutation({
    mutationFn: (sessionId: string) => api.call('endSession', { params: { sessionId } }),
    onSuccess: () => client.invalidateQueries({ queryKey: sessionsQuery.queryKey }),
  });
  if (data === undefined) {
    return error === null ? (
      <Loading what="your sessions" />
    ) : (
      <ErrorNote error={error} onRetry={() => void refetch()} />
    );
  }
  return (
    <section className="card" aria-labelledby="sessions-title">
      <h2 id="sessions-title" className="card-title">
        Active sessions
      </h2>
      <ErrorNote error={endMutation.error} />
      <ul className="sessions">
        {data.items.map((item) => (
          <li key={item.id}>
            <SessionRow item={item} busy={endMutation.isPending} onEnd={() => endMutation.mutate(item.id)} />
          </li>
        ))}
      </ul>
      <div className="actions">
        <Button onClick={() => setConfirming(true)}>Sign out everywhere…</Button>
      </div>
      {isConfirming && (
        <ConfirmDialog
          title="Sign out everywhere?"
          action="Sign out everywhere"
          onClose={() => setConfirming(false)}
          onConfirm={async () => {
            await api.call('endSessions');
            client.setQueryData(sessionQuery.queryKey, null);
          }}
        >
          <p>All your sessions end within seconds, including this session.</p>
        </ConfirmDialog>
      )}
    </section>
  );
}

function SessionRow({ item, busy, onEnd }: { item: SessionItem; busy: boolean; onEnd: () => void }) {
  return (
    <div className="session">
      <span className="session-words">
        <strong>
          <IsolatedText text={formatBrowser(item.userAgent)} />
        </strong>
        <span className="soft">
          {item.address !== null && `${item.address}, `}last seen <Age at={item.lastSeenAt} />
        </span>
      </span>
      {item.current ? (
        <span className="soft">This session</span>
      ) : (
        <Button busy={busy} onClick={onEnd}>
          Sign out
        </Button>
      )}
    </div>
  );
}
