import type { Invitation, InvitationCreated, Member, MemberRole } from '@muster/contracts';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { api, fieldError, otherError } from '../../lib/api/client';
import { invitationsQuery, membersQuery } from '../../lib/api/queries';
import { useIsOwner, useCanEdit, useSession } from '../../lib/session';
import { Button } from '../../components/button';
import { Confirm } from '../../components/confirm';
import { Command } from '../../components/copyable';
import { ErrorNote } from '../../components/error-note';
import { Checkbox, Select, Field } from '../../components/field';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { DateTime } from '../../components/time';
import { toPlainText } from '../../lib/plain-text';
import { ROLE_LABELS } from '../../lib/format-role';

const ROLES: readonly { value: MemberRole; label: string }[] = [
  { value: 'viewer', label: 'Viewer: read-only' },
  { value: 'admin', label: 'Admin: manages hosts, keys and tokens' },
  { value: 'owner', label: 'Owner: also manages members' },
];

/** The members of the organization, and its invitations. */
export function Members() {
  const isOwner = useIsOwner();
  const mayChange = useCanEdit();
  const list = useInfiniteQuery(membersQuery());
  return (
    <>
      <ListStates list={list} what="members" empty={null}>
        {(items) => (
          <div className="table" tabIndex={0} role="region" aria-label="Members">
            <table>
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Email</th>
                  <th scope="col">Role</th>
                  <th scope="col">Joined</th>
                  {isOwner && (
                    <th scope="col">
                      <span className="spoken">Remove</span>
                    </th>
                  )}
                </tr>
              </thead>
              <tbody>
                {items.map((member) => (
                  <MemberRow key={member.userId} member={member} isOwner={isOwner} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </ListStates>
      {mayChange && <Invitations isOwner={isOwner} />}
    </>
  );
}

function MemberRow({ member, isOwner }: { member: Member; isOwner: boolean }) {
  const client = useQueryClient();
  const session = useSession();
  const [asks, setAsks] = useState<'viewer' | 'removal' | null>(null);
  const refetchMembers = () => client.invalidateQueries({ queryKey: ['members'] });
  const changing = useMutation({
    mutationFn: (role: MemberRole) => api.call('changeMember', { params: { userId: member.userId }, body: { role } }),
    onSettled: refetchMembers,
  });
  const refetchAll = () =>
    Promise.all([
      refetchMembers(),
      ...['api-keys', 'enrollment-tokens', 'invitations'].map((key) => client.invalidateQueries({ queryKey: [key] })),
    ]);
  const isMe = session?.user?.id === member.userId;
  return (
    <tr>
      <td>
        <IsolatedText text={member.name} /> {isMe && <span className="soft">(you)</span>}
      </td>
      <td>
        <IsolatedText text={member.email} />
      </td>
      <td>
        {isOwner ? (
          <select
            className="filter-select"
            aria-label={toPlainText(`Role of ${member.name}`)}
            value={changing.isPending ? changing.variables : member.role}
            disabled={changing.isPending}
            onChange={(event) => {
              const role = event.target.value as MemberRole;
              if (role === 'viewer') setAsks('viewer');
              else changing.mutate(role);
            }}
          >
            {ROLES.map(({ value }) => (
              <option key={value} value={value}>
                {ROLE_LABELS[value]}
              </option>
            ))}
          </select>
        ) : (
          ROLE_LABELS[member.role]
        )}
        <ErrorNote error={changing.error} />
      </td>
      <td>
        <DateTime at={member.joinedAt} />
      </td>
      {isOwner && (
        <td className="is-action">
          <Button kind="quiet" aria-label={toPlainText(`Remove ${member.name}`)} onClick={() => setAsks('removal')}>
            Remove…
          </Button>
          {asks === 'removal' && (
            <ConfirmWithCredentials
              title={
                <>
                  Remove <IsolatedText text={member.name} />?
                </>
              }
              action="Remove the member"
              checkbox="Keep the API keys and enrollment tokens created by this member. Otherwise they are revoked, and programs using them lose access."
              onClose={() => setAsks(null)}
              onConfirm={async (query) => {
                await api.call('removeMember', { params: { userId: member.userId }, query });
                await refetchAll();
              }}
            >
              They are signed out and their open invitations are revoked at once. To restore access, invite them again.
            </ConfirmWithCredentials>
          )}
          {asks === 'viewer' && (
            <ConfirmWithCredentials
              title={
                <>
                  Make <IsolatedText text={member.name} /> a viewer?
                </>
              }
              action="Change the role"
              checkbox="Keep the admin keys and enrollment tokens created by this member. Otherwise they are revoked, and programs using them lose access."
              onClose={() => setAsks(null)}
              onConfirm={async (query) => {
                const body = { role: 'viewer' as const };
                await api.call('changeMember', { params: { userId: member.userId }, query, body });
                await refetchAll();
              }}
            >
              Viewers have read-only access.
            </ConfirmWithCredentials>
          )}
        </td>
      )}
    </tr>
  );
}

/**
 * Confirms a change by which a member loses permissions, with the option to keep the credentials that the member
 * created.
 */
function ConfirmWithCredentials({
  title,
  action,
  checkbox,
  children,
  onConfirm,
  onClose,
}: {
  title: ReactNode;
  action: string;
  /** The label of the checkbox, which states what is kept and what happens if the box is not checked. */
  checkbox: string;
  children: ReactNode;
  onConfirm: (query: { keepCredentials: boolean }) => Promise<unknown>;
  onClose: () => void;
}) {
  const [keepCredentials, setKeepCredentials] = useState(false);
  return (
    <Confirm title={title} action={action} onClose={onClose} onConfirm={() => onConfirm({ keepCredentials })}>
      <p>{children}</p>
      <Checkbox
        label={checkbox}
        checked={keepCredentials}
        onChange={(event) => setKeepCredentials(event.target.checked)}
      />
    </Confirm>
  );
}

function Invitations({ isOwner }: { isOwner: boolean }) {
  const list = useInfiniteQuery(invitationsQuery());
  return (
    <section className="timeline" aria-labelledby="invitations-title">
      <h2 id="invitations-title">Invitations</h2>
      {isOwner && <Invite />}
      <ListStates list={list} what="invitations" empty={<p className="soft">No pending invitations</p>}>
        {(items) => (
          <ul className="sessions card">
            {items.map((invitation) => (
              <li key={invitation.id}>
                <InvitationRow invitation={invitation} isOwner={isOwner} />
              </li>
            ))}
          </ul>
        )}
      </ListStates>
    </section>
  );
}

function InvitationRow({ invitation, isOwner }: { invitation: Invitation; isOwner: boolean }) {
  const client = useQueryClient();
  const revoking = useMutation({
    mutationFn: () => api.call('revokeInvitation', { params: { invitationId: invitation.id } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['invitations'] }),
  });
  return (
    <div className="session">
      <span className="session-words">
        <strong>
          <IsolatedText text={invitation.email} />
        </strong>
        <span className="soft">
          {ROLE_LABELS[invitation.role]}, expires <DateTime at={invitation.expiresAt} />
        </span>
        <ErrorNote error={revoking.error} />
      </span>
      {isOwner && (
        <Button
          busy={revoking.isPending}
          aria-label={toPlainText(`Revoke the invitation of ${invitation.email}`)}
          onClick={() => revoking.mutate()}
        >
          Revoke
        </Button>
      )}
    </div>
  );
}

function Invite() {
  const client = useQueryClient();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<MemberRole>('viewer');
  const [made, setMade] = useState<InvitationCreated | null>(null);
  const inviting = useMutation({
    mutationFn: () => api.call('invite', { body: { email, role } }),
    onSuccess: (invitation) => {
      setMade(invitation);
      setEmail('');
      void client.invalidateQueries({ queryKey: ['invitations'] });
    },
  });
  return (
    <form
      className="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        inviting.mutate();
      }}
    >
      <div className="columns">
        <Field
          label="Email"
          type="email"
          required
          value={email}
          error={fieldError(inviting.error, 'email')}
          onChange={(event) => setEmail(event.target.value)}
        />
        <Select label="Role" value={role} options={ROLES} onChange={setRole} />
      </div>
      <ErrorNote error={otherError(inviting.error)} />
      {made !== null && (
        <div className="stack" role="status">
          <p>
            Send this link to{' '}
            <strong>
              <IsolatedText text={made.email} />
            </strong>{' '}
            yourself; Muster sends no email. The link is shown only once and is valid for one person until{' '}
            <DateTime at={made.expiresAt} />.
          </p>
          <Command text={made.url} label="invitation link" />
        </div>
      )}
      <div className="actions">
        <Button type="submit" busy={inviting.isPending}>
          Create invitation
        </Button>
      </div>
    </form>
  );
}
