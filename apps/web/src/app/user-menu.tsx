import type { Session } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api } from '../lib/api/client';
import { IsolatedText } from '../components/isolated-text';
import { Menu, MenuRadioGroup, MenuItem, MenuLabel, MenuSeparator } from '../components/menu';
import { Icon } from '../components/icons';
import { useTheme, type Theme } from './theme';
import { toPlainText } from '../lib/plain-text';
import { ROLE_LABELS } from '../lib/format-role';

const THEMES: readonly { value: Theme; label: string }[] = [
  { value: 'system', label: 'System' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

/** The menu for the account, the theme and signing out. */
export function UserMenu({ session }: { session: Session }) {
  const [theme, chooseTheme] = useTheme();
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = useMutation({
    mutationFn: () => api.call('signOut'),
    onSuccess: async () => {
      await navigate({ to: '/sign-in', search: {} });
      // The next user of this browser must not see cached data.
      client.clear();
    },
  });
  const name = session.user?.name ?? session.apiKey?.name ?? 'Signed in';
  return (
    <Menu
      trigger={
        <button type="button" className="icon-button user-button" aria-label={toPlainText(`Account menu of ${name}`)}>
          <Icon name="person" />
        </button>
      }
    >
      <div className="menu-who">
        <strong>
          <IsolatedText text={name} />
        </strong>
        <span className="soft">
          {ROLE_LABELS[session.role]} · <IsolatedText text={session.organization.name} />
        </span>
      </div>
      <MenuSeparator />
      <MenuLabel>Theme</MenuLabel>
      <MenuRadioGroup value={theme} onChange={chooseTheme} options={THEMES} />
      <MenuSeparator />
      <MenuItem onSelect={() => void navigate({ to: '/settings/$section', params: { section: 'you' } })}>
        Settings
      </MenuItem>
      <MenuItem onSelect={() => signOut.mutate()}>Sign out</MenuItem>
    </Menu>
  );
}
