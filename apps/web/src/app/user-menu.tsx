import type { Session } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api } from '../lib/api/client';
import { IsolatedText } from '../components/isolated-text';
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuRule } from '../components/menu';
import { Icon } from '../components/icons';
import { useTheme, type Theme } from './theme';
import { toPlainText } from '../lib/plain-text';

const THEMES: readonly { value: Theme; label: string }[] = [
  { value: 'system', label: 'As the device' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

/** Who is signed in, the theme, and the way out. */
export function UserMenu({ session }: { session: Session }) {
  const [theme, chooseTheme] = useTheme();
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = useMutation({
    mutationFn: () => api.call('signOut'),
    onSuccess: async () => {
      await navigate({ to: '/sign-in', search: {} });
      // Nothing that this person saw stays for the next.
      client.clear();
    },
  });
  const name = session.user?.name ?? session.apiKey?.name ?? 'Signed in';
  return (
    <Menu
      trigger={
        <button
          type="button"
          className="icon-button user-button"
          aria-label={toPlainText(`${name}: account and theme`)}
        >
          <Icon name="person" />
        </button>
      }
    >
      <div className="menu-who">
        <strong>
          <IsolatedText text={name} />
        </strong>
        <span className="soft">
          {session.role} of <IsolatedText text={session.organization.name} />
        </span>
      </div>
      <MenuRule />
      <MenuLabel>Theme</MenuLabel>
      <MenuChoice value={theme} onChange={chooseTheme} options={THEMES} />
      <MenuRule />
      <MenuItem onSelect={() => void navigate({ to: '/settings/$section', params: { section: 'you' } })}>
        Settings
      </MenuItem>
      <MenuItem onSelect={() => signOut.mutate()}>Sign out</MenuItem>
    </Menu>
  );
}
