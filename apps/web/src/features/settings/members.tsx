import type { Invitation, InvitationCreated, Member, MemberRole } from '@muster/contracts';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { api, fieldError, formError } from '../../lib/api/client';
import { invitationsQuery, membersQuery } from '../../lib/api/queries';
import { useIsOwner, useCanEdit, useSession } from '../../lib/session';
import { Button } from '../../components/button';
import { ConfirmDialog } from '../../components/confirm';
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
  const canEdit = useCanEdit();
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
                      <span className="visually-hidden">Remove</span>
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
      {canEdit && <Invitations isOwner={isOwner} />}
    </>
  );
}

function MemberRow({ member, isOwner }: { member: Member; isOwner: boolean }) {
  const client = useQueryClient();
  const session = useSession();
  const [confirmation, setConfirmation] = useState<'viewer' | 'removal' | null>(null);
  const refetchMembers = () => client.invalidateQueries({ queryKey: ['members'] });
  const changeMutation = useMutation({
    mutationFn: (role: MemberRole) => api.call('changeMember', { params: { userId: member.userId }, body: { role } }),
    onSettled: refetchMembers,
  });
  const refetchAll = () =>
    Promise.all([
      refetchMembers(),
      ...['api-keys', 'enrollment-tokens', 'invitations'].map((key) => client.invalidateQueries({ queryKey: [key] })),
    ]);
  const isCurrentUser = session?.user?.id === member.userId;
  return (
    <tr>
      <td>
        <IsolatedText text={member.name} /> {isCurrentUser && <span className="soft">(you)</span>}
      </td>
      <td>
        <IsolatedText text={member.email} />
      </td>
      <td>
        {isOwner ? (
          <select
            className="filter-select"
            aria-label={toPlainText(`Role of ${member.name}`)}
            value={changeMutation.isPending ? changeMutation.variables : member.role}
            disabled={changeMutation.isPending}
            onChange={(event) => {
              const role = event.target.value as MemberRole;
              if (role === 'viewer') setConfirmation('viewer');
              else changeMutation.mutate(role);
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
        <ErrorNote error={changeMutation.error} />
      </td>
      <td>
        <DateTime at={member.joinedAt} />
      </td>
      {isOwner && (
        <td className="is-action">
          <Button
            kind="quiet"
            aria-label={toPlainText(`Remove ${member.name}`)}
            onClick={() => setConfirmation('removal')}
          >
            Remove…
          </Button>
          {confirmation === 'removal' && (
            <CredentialsDialog
              title={
                <>
                  Remove <IsolatedText text={member.name} />?
                </>
              }
              action="Remove the member"
              checkbox="Keep the API keys and enrollment tokens that this member created. Otherwise they are revoked, and programs that use them lose access."
              onClose={() => setConfirmation(null)}
              onConfirm={async (query) => {
                await api.call('removeMember', { params: { userId: member.userId }, query });
                await refetchAll();
              }}
            >
              The member is signed out, and the member’s open invitations are revoked immediately. To restore access,
              invite the member again.
            </CredentialsDialog>
          )}
          {confirmation === 'viewer' && (
            <CredentialsDialog
              title={
                <>
                  Make <IsolatedText text={member.name} /> a viewer?
                </>
              }
              action="Change the role"
              checkbox="Keep the admin keys and enrollment tokens that this member created. Otherwise they are revoked, and programs that use them lose access."
              onClose={() => setConfirmation(null)}
              onConfirm={async (query) => {
                const body = { role: 'viewer' as const };
                await api.call('changeMember', { params: { userId: member.userId }, query, body });
                await refetchAll();
              }}
            >
              Viewers have read-only access.
            </CredentialsDialog>
          )}
        </td>
      )}
    </tr>
  );
}

/**
 * A dialog for a change that takes permissions away from a member. With its checkbox, the user can keep the credentials
 * that the member created.
 */
function CredentialsDialog({
  title,
  action,
  checkbox,
  children,
  onConfirm,
  onClose,
}: {
  title: ReactNode;
  action: string;
  /**
   * The label of the checkbox. It states which credentials are kept, and what happens to them if the box is not
   * checked.
   */
  checkbox: string;
  children: ReactNode;
  onConfirm: (query: { keepCredentials: boolean }) => Promise<unknown>;
  onClose: () => void;
}) {
  const [keepCredentials, setKeepCredentials] = useState(false);
  return (
    <ConfirmDialog title={title} action={action} onClose={onClose} onConfirm={() => onConfirm({ keepCredentials })}>
      <p>{children}</p>
      <Checkbox
        label={checkbox}
        checked={keepCredentials}
        onChange={(event) => setKeepCredentials(event.target.checked)}
      />
    </ConfirmDialog>
  );
}

function Invitations({ isOwner }: { isOwner: boolean }) {
  const list = useInfiniteQuery(invitationsQuery());
  return (
    <section className="timeline" aria-labelledby="invitations-title">
      <h2 id="invitations-title">Invitations</h2>
      {isOwner && <InviteForm />}
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
  const revokeMutation = useMutation({
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
        <ErrorNote error={revokeMutation.error} />
      </span>
      {isOwner && (
        <Button
          busy={revokeMutation.isPending}
          aria-label={toPlainText(`Revoke the invitation of ${invitation.email}`)}
          onClick={() => revokeMutation.mutate()}
        >
          Revoke
        </Button>
      )}
    </div>
  );
}

function InviteForm() {
  const client = useQueryClient();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<MemberRole>('viewer');
  const [createdInvitation, setCreatedInvitation] = useState<InvitationCreated | null>(null);
  const inviteMutation = useMutation({
    mutationFn: () => api.call('invite', { body: { email, role } }),
    onSuccess: (invitation) => {
      setCreatedInvitation(invitation);
      setEmail('');
      void client.invalidateQueries({ queryKey: ['invitations'] });
    },
  });
  return (
    <form
      className="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        inviteMutation.mutate();
      }}
    >
      <div className="columns">
        <Field
          label="Email"
          type="email"
          required
          value={email}
          error={fieldError(inviteMutation.error, 'email')}
          onChange={(event) => setEmail(event.target.value)}
        />
        <Select label="Role" value={role} options={ROLES} onChange={setRole} />
      </div>
      <ErrorNote error={formError(inviteMutation.error)} />
      {createdInvitation !== null && (
        <div className="stack" role="status">
          <p>
            Send this link to{' '}
            <strong>
              <IsolatedText text={createdInvitation.email} />
            </strong>{' '}
            yourself, because Muster sends no email. The link is shown only once and is valid for one person until{' '}
            <DateTime at={createdInvitation.expiresAt} />.
          </p>
          <Command text={createdInvitation.url} label="invitation link" />
        </div>
      )}
      <div className="actions">
        <Button type="submit" busy={inviteMutation.isPending}>
          Create invitation
        </Button>
      </div>
    </form>
  );
}
