import type { Host } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { api, fieldError, formError } from '../../lib/api/client';
import { hostQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { ConfirmDialog } from '../../components/confirm';
import { Dialog } from '../../components/dialog';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { IsolatedText } from '../../components/isolated-text';
import { Menu, MenuItem } from '../../components/menu';
import { Icon } from '../../components/icons';

/** This dialog is loaded on demand, because it includes the commands for all ways to run an agent. */
const RotateTokenDialog = lazy(() =>
  import('./rotate-token').then((module) => ({ default: module.RotateTokenDialog })),
);

/** The menu with an admin's actions on a host. */
export function HostActions({ host }: { host: Host }) {
  const [openDialog, setOpenDialog] = useState<'rename' | 'rotate' | 'delete' | null>(null);
  const close = (): void => setOpenDialog(null);
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
        <MenuItem onSelect={() => setOpenDialog('rename')}>Rename…</MenuItem>
        <MenuItem onSelect={() => setOpenDialog('rotate')}>Rotate agent token…</MenuItem>
        <MenuItem danger onSelect={() => setOpenDialog('delete')}>
          Delete…
        </MenuItem>
      </Menu>
      {openDialog === 'rename' && <RenameDialog host={host} onClose={close} />}
      {openDialog === 'rotate' && (
        <Suspense>
          <RotateTokenDialog host={host} onClose={close} />
        </Suspense>
      )}
      {openDialog === 'delete' && <DeleteDialog host={host} onClose={close} />}
    </>
  );
}

function RenameDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState(host.name);
  const renameMutation = useMutation({
    // With null, the host takes the name that its machine reports.
    mutationFn: (requested: string | null) =>
      api.call('updateHost', { params: { hostId: host.id }, body: { name: requested } }),
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
          renameMutation.mutate(name.trim());
        }}
      >
        <Field
          label="Name"
          required
          autoFocus
          value={name}
          hint="This changes only the host’s name in Muster. The host keeps it, even if its machine is renamed."
          error={fieldError(renameMutation.error, 'name')}
          onChange={(event) => setName(event.target.value)}
        />
        <ErrorNote error={formError(renameMutation.error)} />
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          {host.nameSetByOperator && (
            <Button busy={renameMutation.isPending} onClick={() => renameMutation.mutate(null)}>
              Use the machine’s name
            </Button>
          )}
          <Button type="submit" kind="primary" busy={renameMutation.isPending}>
            Rename
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function DeleteDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  return (
    <ConfirmDialog
      title={
        <>
          Delete <IsolatedText text={host.name} />?
        </>
      }
      action="Delete the host"
      requiredText={host.name}
      onClose={onClose}
      onConfirm={async () => {
        await api.call('deleteHost', { params: { hostId: host.id } });
        await navigate({ to: '/' });
        client.removeQueries({ queryKey: hostQuery(host.id).queryKey });
        await client.invalidateQueries();
      }}
    >
      <p>
        This removes the host, its containers and their history from Muster and revokes its agent token, so that the
        agent can no longer report. Nothing changes on the machine itself.
      </p>
      <p>To add the host back with an empty history, enroll it again.</p>
    </ConfirmDialog>
  );
}
