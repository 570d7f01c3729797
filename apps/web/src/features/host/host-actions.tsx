import type { Host } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { api, fieldError, otherError } from '../../lib/api/client';
import { hostQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { Confirm } from '../../components/confirm';
import { Dialog } from '../../components/dialog';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { IsolatedText } from '../../components/isolated-text';
import { Menu, MenuItem } from '../../components/menu';
import { Icon } from '../../components/icons';

/** The dialog is loaded on demand, because it includes the commands for all ways to run an agent. */
const RotateToken = lazy(() => import('./rotate-token').then((module) => ({ default: module.RotateToken })));

/** The menu with an admin's actions on a host. */
export function HostActions({ host }: { host: Host }) {
  const [shown, setShown] = useState<'rename' | 'rotate' | 'delete' | null>(null);
  const close = (): void => setShown(null);
  return (
    <>
      <Menu
        trigger={
          <Button>
            Actions
            <Icon name="down" />
          </Button>
        }
      >
        <MenuItem onSelect={() => setShown('rename')}>Rename…</MenuItem>
        <MenuItem onSelect={() => setShown('rotate')}>Rotate agent token…</MenuItem>
        <MenuItem danger onSelect={() => setShown('delete')}>
          Delete…
        </MenuItem>
      </Menu>
      {shown === 'rename' && <Rename host={host} onClose={close} />}
      {shown === 'rotate' && (
        <Suspense>
          <RotateToken host={host} onClose={close} />
        </Suspense>
      )}
      {shown === 'delete' && <Delete host={host} onClose={close} />}
    </>
  );
}

function Rename({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState(host.name);
  const renaming = useMutation({
    mutationFn: () => api.call('renameHost', { params: { hostId: host.id }, body: { name: name.trim() } }),
    onSuccess: (renamed) => {
      client.setQueryData(hostQuery(host.id).queryKey, renamed);
      void client.invalidateQueries({ queryKey: ['hosts', 'list'] });
      void client.invalidateQueries({ queryKey: ['containers'] });
      onClose();
    },
  });
  return (
    <Dialog title="Rename the host" onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          renaming.mutate();
        }}
      >
        <Field
          label="Name"
          required
          autoFocus
          value={name}
          hint="Changes the name in Muster only."
          error={fieldError(renaming.error, 'name')}
          onChange={(event) => setName(event.target.value)}
        />
        <ErrorNote error={otherError(renaming.error)} />
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={renaming.isPending}>
            Rename
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Delete({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  return (
    <Confirm
      title={
        <>
          Delete <IsolatedText text={host.name} />?
        </>
      }
      action="Delete the host"
      typed={host.name}
      onClose={onClose}
      onConfirm={async () => {
        await api.call('deleteHost', { params: { hostId: host.id } });
        await navigate({ to: '/' });
        client.removeQueries({ queryKey: hostQuery(host.id).queryKey });
        await client.invalidateQueries();
      }}
    >
      <p>
        Removes the host, its containers and their history from Muster and revokes its agent token, so that the agent
        stops. Nothing on the machine changes.
      </p>
      <p>Enroll the host again to add it back, with an empty history.</p>
    </Confirm>
  );
}
