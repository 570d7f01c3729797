import type { Host } from '@muster/contracts';
import { lazy, Suspense, useState } from 'react';
import { Button } from '../../components/button';
import { Icon } from '../../components/icons';
import { Menu, MenuItem } from '../../components/menu';

// The dialogs are loaded when they are opened, because the page's first load has a limit.
const RenameDialog = lazy(() => import('./host-dialogs').then((module) => ({ default: module.RenameDialog })));
const DeleteDialog = lazy(() => import('./host-dialogs').then((module) => ({ default: module.DeleteDialog })));
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
      <Suspense>
        {openDialog === 'rename' && <RenameDialog host={host} onClose={close} />}
        {openDialog === 'rotate' && <RotateTokenDialog host={host} onClose={close} />}
        {openDialog === 'delete' && <DeleteDialog host={host} onClose={close} />}
      </Suspense>
    </>
  );
}
