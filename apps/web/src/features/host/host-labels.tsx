import type { Host } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { labelsOfSource, labelTexts } from '../../lib/host-labels';
import { useCanEdit } from '../../lib/session';
import { Button } from '../../components/button';
import { IsolatedText } from '../../components/isolated-text';

/** The dialog is loaded when it is opened, because the page's first load has a limit. */
const HostLabelsDialog = lazy(async () => ({ default: (await import('./host-labels-dialog')).HostLabelsDialog }));

/** The sources of labels, the first of which applies if several set the same key. */
const SOURCES = [
  ['operator', 'operator'],
  ['agent', 'agent'],
  ['enrollmentToken', 'enrollment token'],
] as const;

const sourceOf = (host: Host, key: string): string | undefined =>
  SOURCES.find(([source]) => Object.hasOwn(labelsOfSource(host, source), key))?.[1];

/** The labels of a host, each with its source and a link to the hosts that have it, and the button that edits them. */
export function HostLabels({ host }: { host: Host }) {
  const [isEditing, setEditing] = useState(false);
  const canEdit = useCanEdit();
  const labels = labelTexts(host);
  return (
    <>
      {labels.length === 0 && <span className="soft">None </span>}
      <ul className="host-labels">
        {labels.map((label) => (
          <li key={label}>
            <Link to="/hosts" search={{ hostLabel: [label] }} className="host-label">
              <IsolatedText text={label} />
            </Link>{' '}
            <span className="soft">{sourceOf(host, label.slice(0, label.indexOf('=')))}</span>
          </li>
        ))}
      </ul>
      {canEdit && (
        <Button kind="quiet" onClick={() => setEditing(true)}>
          Edit labels
        </Button>
      )}
      {isEditing && (
        <Suspense>
          <HostLabelsDialog host={host} onClose={() => setEditing(false)} />
        </Suspense>
      )}
    </>
  );
}
