import type { EnrollmentToken } from '@muster/contracts';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, serverNow } from '../../lib/api/client';
import { enrollmentTokensQuery } from '../../lib/api/queries';
import { useMayChange } from '../../lib/session';
import { Button } from '../../components/button';
import { Confirm } from '../../components/confirm';
import { count } from '../../lib/format-count';
import { Empty } from '../../components/empty';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { Age, Moment } from '../../components/time';
import { toPlainText } from '../../lib/plain-text';

/** The enrollment tokens. */
export function EnrollmentTokens() {
  const mayChange = useMayChange();
  const list = useInfiniteQuery(enrollmentTokensQuery());
  return (
    <>
      {mayChange && (
        <p className="make">
          <Link to="/add-host" className="button button-plain">
            Add a host
          </Link>
        </p>
      )}
      <ListStates of={list} what="tokens" empty={<Empty title="No enrollment tokens" />}>
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
                  {mayChange && (
                    <th scope="col">
                      <span className="spoken">Revoke</span>
                    </th>
                  )}
                </tr>
              </thead>
              <tbody>
                {items.map((token) => (
                  <TokenRow key={token.id} token={token} mayChange={mayChange} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </ListStates>
    </>
  );
}

function TokenRow({ token, mayChange }: { token: EnrollmentToken; mayChange: boolean }) {
  const client = useQueryClient();
  const [asks, setAsks] = useState(false);
  const isOver = token.revokedAt !== null || token.uses >= token.maxUses || Date.parse(token.expiresAt) < serverNow();
  return (
    <tr className={isOver ? 'is-stale' : ''}>
      <td>
        <IsolatedText text={token.name} />
      </td>
      <td className="is-number">
        {count(token.uses)} of {count(token.maxUses)}
      </td>
      <td>
        <Moment at={token.createdAt} />
      </td>
      <td>
        {token.revokedAt === null ? (
          <Moment at={token.expiresAt} />
        ) : (
          <>
            Revoked <Age at={token.revokedAt} />
          </>
        )}
      </td>
      {mayChange && (
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
