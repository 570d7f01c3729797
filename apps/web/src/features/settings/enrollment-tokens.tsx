import type { EnrollmentToken } from '@muster/contracts';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, serverNow } from '../../lib/api/client';
import { enrollmentTokensQuery } from '../../lib/api/queries';
import { useCanEdit } from '../../lib/session';
import { Button } from '../../components/button';
import { ConfirmDialog } from '../../components/confirm';
import { formatNumber } from '../../lib/format-count';
import { EmptyState } from '../../components/empty-state';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { Age, DateTime } from '../../components/time';
import { toPlainText } from '../../lib/plain-text';
import { isTokenInvalid } from './expiry';

/** The list of enrollment tokens. */
export function EnrollmentTokens() {
  const canEdit = useCanEdit();
  const list = useInfiniteQuery(enrollmentTokensQuery());
  return (
    <>
      {canEdit && (
        <p className="make">
          <Link to="/add-host" className="button button-plain">
            Add a host
          </Link>
        </p>
      )}
      <ListStates list={list} what="tokens" empty={<EmptyState title="No enrollment tokens" />}>
        {(items) => (
          <div className="table" tabIndex={0} role="region" aria-label="Enrollment tokens">
            <table>
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col" className="is-number">
                    Used
                  </th>
                  <th scope="col">Created</th>
                  <th scope="col">Expires</th>
                  {canEdit && (
                    <th scope="col">
                      <span className="visually-hidden">Revoke</span>
                    </th>
                  )}
                </tr>
              </thead>
              <tbody>
                {items.map((token) => (
                  <TokenRow key={token.id} token={token} canEdit={canEdit} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </ListStates>
    </>
  );
}

function TokenRow({ token, canEdit }: { token: EnrollmentToken; canEdit: boolean }) {
  const client = useQueryClient();
  const [isConfirming, setConfirming] = useState(false);
  const isInvalid = isTokenInvalid(token, serverNow());
  return (
    <tr className={isInvalid ? 'is-stale' : ''}>
      <td>
        <IsolatedText text={token.name} />
      </td>
      <td className="is-number">
        {formatNumber(token.uses)} of {formatNumber(token.maxUses)}
      </td>
      <td>
        <DateTime at={token.createdAt} />
      </td>
      <td>
        {token.revokedAt === null ? (
          <DateTime at={token.expiresAt} />
        ) : (
          <>
            Revoked <Age at={token.revokedAt} />
          </>
        )}
      </td>
      {canEdit && (
        <td className="is-action">
          {!isInvalid && (
            <Button kind="quiet" aria-label={toPlainText(`Revoke ${token.name}`)} onClick={() => setConfirming(true)}>
              Revoke…
            </Button>
          )}
          {isConfirming && (
            <ConfirmDialog
              title={
                <>
                  Revoke <IsolatedText text={token.name} />?
                </>
              }
              action="Revoke the token"
              onClose={() => setConfirming(false)}
              onConfirm={async () => {
                await api.call('revokeEnrollmentToken', { params: { enrollmentTokenId: token.id } });
                await client.invalidateQueries({ queryKey: ['enrollment-tokens'] });
              }}
            >
              <p>The token can no longer enroll hosts. Hosts that are already enrolled are not affected.</p>
            </ConfirmDialog>
          )}
        </td>
      )}
    </tr>
  );
}
