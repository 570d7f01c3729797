import { Link, useMatchRoute } from '@tanstack/react-router';
import { Icon } from '../components/icons';
import { Logo } from '../components/logo';
import { useCanEdit } from '../lib/session';

const NAVIGATION_ITEMS = [
  { to: '/', icon: 'fleet', label: 'Fleet' },
  { to: '/hosts', icon: 'host', label: 'Hosts' },
  { to: '/containers', icon: 'containers', label: 'Containers' },
  { to: '/images', icon: 'images', label: 'Images' },
  { to: '/ports', icon: 'ports', label: 'Ports' },
  { to: '/events', icon: 'events', label: 'Events' },
] as const;

/** The links to the main pages, in a sidebar or, on a phone, in a bar at the bottom. */
export function Navigation() {
  const canEdit = useCanEdit();
  const isInSettings = useMatchRoute()({ to: '/settings/$section' }) !== false;
  return (
    <nav className="sidebar" aria-label="Main">
      <Link to="/" className="brand" aria-label="Muster – Fleet">
        <Logo />
        <span>Muster</span>
      </Link>
      <ul className="sidebar-places">
        {NAVIGATION_ITEMS.map(({ to, icon, label }) => (
          <li key={to}>
            <Link to={to} className="sidebar-link" activeOptions={{ exact: to === '/', includeSearch: false }}>
              <Icon name={icon} />
              <span>{label}</span>
            </Link>
          </li>
        ))}
        <li className="sidebar-settings">
          <Link
            to="/settings/$section"
            params={{ section: 'you' }}
            className={isInSettings ? 'sidebar-link active' : 'sidebar-link'}
            aria-current={isInSettings ? 'page' : undefined}
          >
            <Icon name="settings" />
            <span>Settings</span>
          </Link>
        </li>
      </ul>
      {canEdit && (
        <Link to="/add-host" className="button button-plain sidebar-add">
          <Icon name="add" />
          <span>Add a host</span>
        </Link>
      )}
    </nav>
  );
}
