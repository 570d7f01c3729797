import type { EnrollmentToken } from '@muster/contracts';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, serverNow } from '../../lib/api/client';
import { enrollmentTokensQuery } from '../../lib/api/queries';
import { useCanEdit } from '../../lib/session';
import { Button } from '../../components/button';
import { Confirm } from '../../components/confirm';
import { formatNumber } from '../../lib/format-count';
import { EmptyState } from '../../components/empty-state';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { Age, DateTime } from '../../components/time';
import { toPlainText } from '../../lib/plain-text';
import { isTokenOver } from './expiry';

/** The enrollment tokens. */
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
                      <span className="spoken">Revoke</span>
                    </th>
                  )}
                </tr>
              </thead>
              <tbody>
                {items.map((token) => (
                  <TokenRow key={token.id} token={token} mayChange={canEdit} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </ListStates>
    </>
  );
}

function TokenRow({ token, mayChange: canEdit }: { token: EnrollmentToken; mayChange: boolean }) {
  const client = useQueryClient();
  const [asks, setAsks] = useState(false);
  const isOver = isTokenOver(token, serverNow());
  return (
    <tr className={isOver ? 'is-stale' : ''}>
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
          {!isOver && (
            <Button kind="quiet" aria-label={toPlainText(`Revoke ${token.name}`)} onClick={() => setAsks(true)}>
              Revoke…
            </Button>
          )}
          {asks && (
            <Confirm
              title={
                <>
                  Revoke <IsolatedText text={token.name} />?
                </>
              }
              action="Revoke the token"
              onClose={() => setAsks(false)}
              onConfirm={async () => {
                await api.call('revokeEnrollmentToken', { params: { enrollmentTokenId: token.id } });
                await client.invalidateQueries({ queryKey: ['enrollment-tokens'] });
              }}
            >
              <p>This token can enroll no more hosts. Enrolled hosts are unaffected.</p>
            </Confirm>
          )}
        </td>
      )}
    </tr>
  );
}
