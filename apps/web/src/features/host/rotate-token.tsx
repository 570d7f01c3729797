import type { EnrollmentTokenCreated, Host } from '@muster/contracts';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../lib/api/client';
import { Button } from '../../components/button';
import { ConfirmDialog } from '../../components/confirm';
import { Dialog } from '../../components/dialog';
import { IsolatedText } from '../../components/isolated-text';
import { DateTime } from '../../components/time';
import { EnrollCommands } from '../add-host/enroll-commands';

/** Revokes a host's agent token after confirmation, and shows the command that reconnects the host. */
export function RotateTokenDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const [createdToken, setCreatedToken] = useState<EnrollmentTokenCreated | null>(null);
  if (createdToken === null) {
    return (
      <ConfirmDialog
        title={
          <>
            Rotate the token of <IsolatedText text={host.name} />?
          </>
        }
        action="Rotate token"
        onClose={onClose}
        // The dialog is not closed here, because `createdToken` replaces it with the next dialog.
        onDone={() => undefined}
        onConfirm={async () => {
          const token = await api.call('rotateHostToken', { params: { hostId: host.id } });
          void client.invalidateQueries({ queryKey: ['enrollment-tokens'] });
          setCreatedToken(token);
        }}
      >
        <p>
          Rotate the token if it may have leaked. The current token stops working within 5 seconds, including for the
          agent. The host then becomes stale until you run the command that is shown next.
        </p>
        <p>The host keeps its name, containers and history.</p>
      </ConfirmDialog>
    );
  }
  return (
    <Dialog title="Run this on the host" onClose={onClose}>
      <div className="stack">
        <div className="prose">
          <p>
            The old token is revoked. Use this one-time token, shown only once and valid until{' '}
            <DateTime at={createdToken.expiresAt} />, to reconnect <IsolatedText text={host.name} /> as the same host.
          </p>
        </div>
        <EnrollCommands token={createdToken.token} />
        <div className="actions">
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
