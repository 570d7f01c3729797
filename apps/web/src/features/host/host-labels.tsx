import type { Host } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { labelsOfSource, labelTexts } from '../../lib/host-labels';
import { useCanEdit } from '../../lib/session';
import { Button } from '../../components/button';
import { IsolatedText } from '../../components/isolated-text';

/** The dialog is loaded when it is opened, because the page's first load has a limit. */
const HostLabelsDialog = lazy(async () => ({ default: (await import('./host-labels-dialog')).HostLabelsDialog }));

/** The sources of labels, in order of precedence. If several sources set the same key, the first of them applies. */
const SOURCES = [
  ['operator', 'Operators'],
  ['agent', 'Agent'],
  ['enrollmentToken', 'Enrollment token'],
] as const;

/**
 * The labels of a host by source, and the button that edits them. A label that applies is a link to the hosts that have
 * it. A label that another source replaces is struck through.
 */
export function HostLabels({ host }: { host: Host }) {
  const [isEditing, setEditing] = useState(false);
  const canEdit = useCanEdit();
  const applied = new Set(labelTexts(host));
  const sources = SOURCES.map(([source, title]) => ({
    title,
    labels: labelTexts({ labels: labelsOfSource(host, source) }),
  })).filter(({ labels }) => labels.length > 0);
  return (
    <section className="card" aria-labelledby="labels-title">
      <header className="section-head">
        <h2 id="labels-title">Labels</h2>
        {canEdit && (
          <span className="section-link">
            <Button kind="quiet" onClick={() => setEditing(true)}>
              Edit labels
            </Button>
          </span>
        )}
      </header>
      {sources.length === 0 && <p className="soft">None</p>}
      <dl className="facts">
        {sources.map(({ title, labels }) => (
          <LabelsOfSource key={title} title={title} labels={labels} applied={applied} />
        ))}
      </dl>
      {isEditing && (
        <Suspense>
          <HostLabelsDialog host={host} onClose={() => setEditing(false)} />
        </Suspense>
      )}
    </section>
  );
}

function LabelsOfSource({
  title,
  labels,
  applied,
}: {
  title: string;
  labels: readonly string[];
  applied: ReadonlySet<string>;
}) {
  return (
    <>
      <dt>{title}</dt>
      <dd>
        <ul className="host-labels" aria-label={title}>
          {labels.map((label) => (
            <li key={label}>
              {applied.has(label) ? (
                <Link to="/hosts" search={{ hostLabel: [label] }} className="host-label">
                  <IsolatedText text={label} />
                </Link>
              ) : (
                <s className="host-label" title="Another source sets this key">
                  <IsolatedText text={label} />
                  <span className="visually-hidden"> (replaced)</span>
                </s>
              )}
            </li>
          ))}
        </ul>
      </dd>
    </>
  );
}
