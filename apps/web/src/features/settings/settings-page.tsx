import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { NotFound } from '../../components/not-found';
import { systemQuery } from '../../lib/api/queries';
import { useCanEdit } from '../../lib/session';
import { useTitle } from '../../lib/title';
import { ApiKeys } from './api-keys';
import { AuditLog } from './audit';
import { EnrollmentTokens } from './enrollment-tokens';
import { Members } from './members';
import { Account } from './account';

const route = getRouteApi('/signed-in/settings/$section');

interface Section {
  label: string;
  /** Whether only admins and owners see the section. */
  isAdminOnly: boolean;
  content: () => ReactNode;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  you: { label: 'Account', isAdminOnly: false, content: () => <Account /> },
  members: { label: 'Members', isAdminOnly: false, content: () => <Members /> },
  'enrollment-tokens': { label: 'Enrollment tokens', isAdminOnly: false, content: () => <EnrollmentTokens /> },
  'api-keys': { label: 'API keys', isAdminOnly: true, content: () => <ApiKeys /> },
  audit: { label: 'Audit log', isAdminOnly: true, content: () => <AuditLog /> },
};

/** The settings of the user's account and of the organization. */
export function SettingsPage(): ReactNode {
  const { section } = route.useParams();
  const canEdit = useCanEdit();
  const currentSection = Object.hasOwn(SECTIONS, section) ? SECTIONS[section] : undefined;
  useTitle(currentSection === undefined ? 'Settings' : `${currentSection.label} · Settings`);
  if (currentSection === undefined || (currentSection.isAdminOnly && !canEdit)) return <NotFound />;
  return (
    <>
      <h1>Settings</h1>
      <nav className="tabs" aria-label="Settings">
        {Object.entries(SECTIONS)
          .filter(([, { isAdminOnly }]) => canEdit || !isAdminOnly)
          .map(([name, { label }]) => (
            <Link key={name} to="/settings/$section" params={{ section: name }} className="tab">
              {label}
            </Link>
          ))}
      </nav>
      {currentSection.content()}
      <Version />
    </>
  );
}

/** The version of the server and of its database. */
function Version() {
  const { data: system } = useQuery(systemQuery);
  if (system === undefined) return null;
  const { version, database } = system;
  const kind = database.kind === 'embedded' ? 'embedded PostgreSQL' : 'PostgreSQL';
  return (
    <footer className="soft version">
      Muster {version}, {kind} {database.version}
    </footer>
  );
}
