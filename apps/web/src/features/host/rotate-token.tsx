import type { EnrollmentTokenCreated, Host } from '@muster/contracts';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../lib/api/client';
import { Button } from '../../components/button';
import { Confirm } from '../../components/confirm';
import { Dialog } from '../../components/dialog';
import { IsolatedText } from '../../components/isolated-text';
import { Moment } from '../../components/time';
import { EnrolCommands } from '../add-host/enroll-commands';

/** Takes a host's token away once that was confirmed, and says what to run there so that it comes back. */
export function RotateToken({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const [made, setMade] = useState<EnrollmentTokenCreated | null>(null);
  if (made === null) {
    return (
      <Confirm
        title={
          <>
            Rotate the token of <IsolatedText text={host.name} />?
          </>
        }
        action="Revoke the token"
        onClose={onClose}
        // What is shown next takes its place.
        onDone={() => undefined}
        onConfirm={async () => {
          const token = await api.call('rotateHostToken', { params: { hostId: host.id } });
          void client.invalidateQueries({ queryKey: ['enrollment-tokens'] });
          setMade(token);
        }}
      >
        <p>
          For when the token may have got into other hands. Whoever has it, the agent too, is locked out within five
          seconds, and the host goes quiet until you run a command there that you are shown next.
        </p>
        <p>Its name, its containers and their history stay.</p>
      </Confirm>
    );
  }
  return (
    <Dialog title="Run this on the host" onClose={onClose}>
      <div className="stack">
        <div className="prose">
          <p>
            The token is revoked. By this one, shown this once, <IsolatedText text={host.name} /> comes back as the host
            that it is; it is good for one use, until <Moment at={made.expiresAt} />.
          </p>
        </div>
        <EnrolCommands token={made.token} />
        <div className="actions">
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
