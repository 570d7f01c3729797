import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { NotFound } from '../../components/not-found';
import { useCanEdit } from '../../lib/session';
import { useTitle } from '../../lib/title';
import { ApiKeys } from './api-keys';
import { Audit } from './audit';
import { EnrollmentTokens } from './enrollment-tokens';
import { Members } from './members';
import { Account } from './account';

const route = getRouteApi('/signed-in/settings/$section');

interface Section {
  label: string;
  /** Whether only admins and owners see the section. */
  admin: boolean;
  content: () => ReactNode;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  you: { label: 'Account', admin: false, content: () => <Account /> },
  members: { label: 'Members', admin: false, content: () => <Members /> },
  'enrollment-tokens': { label: 'Enrollment tokens', admin: false, content: () => <EnrollmentTokens /> },
  'api-keys': { label: 'API keys', admin: true, content: () => <ApiKeys /> },
  audit: { label: 'Audit log', admin: true, content: () => <Audit /> },
};

/** The settings of the user's account and of the organization. */
export function SettingsPage(): ReactNode {
  const { section } = route.useParams();
  const mayChange = useCanEdit();
  const shown = Object.hasOwn(SECTIONS, section) ? SECTIONS[section] : undefined;
  useTitle(shown === undefined ? 'Settings' : `${shown.label} · Settings`);
  if (shown === undefined || (shown.admin && !mayChange)) return <NotFound />;
  return (
    <>
      <h1>Settings</h1>
      <nav className="tabs" aria-label="Settings">
        {Object.entries(SECTIONS)
          .filter(([, { admin }]) => mayChange || !admin)
          .map(([name, { label }]) => (
            <Link key={name} to="/settings/$section" params={{ section: name }} className="tab">
              {label}
            </Link>
          ))}
      </nav>
      {shown.content()}
    </>
  );
}
