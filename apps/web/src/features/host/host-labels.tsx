import type { Host, HostLabels } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api, formError } from '../../lib/api/client';
import { hostQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';

/** The sources of labels, the first of which applies if several set the same key. */
const SOURCES = [
  ['operator', 'set by an operator'],
  ['agent', 'set by the agent'],
  ['enrollmentToken', 'set by the enrollment token'],
] as const;

/** The labels of a host, each with its source and a link to the hosts that have it. */
export function HostLabelList({ host }: { host: Host }) {
  const labels = Object.entries(host.labels);
  if (labels.length === 0) return <span className="soft">None</span>;
  return (
    <ul className="host-labels">
      {labels.map(([key, value]) => (
        <li key={key}>
          <Link to="/hosts" search={{ hostLabel: [`${key}=${value}`] }} className="break">
            {key}={value}
          </Link>{' '}
          <span className="soft">
            {SOURCES.find(([source]) => Object.hasOwn(host.labelsBySource[source], key))?.[1]}
          </span>
        </li>
      ))}
    </ul>
  );
}

const formatLabels = (labels: HostLabels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');

/** Splits labels that are separated by commas. The server checks them. */
const splitLabels = (text: string): HostLabels =>
  Object.fromEntries(
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map((part) => {
        const equals = part.indexOf('=');
        return equals === -1 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)];
      }),
  );

/** The dialog in which an admin edits the labels that operators have set on a host. */
export function HostLabelsDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const [text, setText] = useState(formatLabels(host.labelsBySource.operator));
  const mutation = useMutation({
    mutationFn: () => api.call('updateHost', { params: { hostId: host.id }, body: { labels: splitLabels(text) } }),
    onSuccess: (changed) => {
      client.setQueryData(hostQuery(host.id).queryKey, changed);
      void client.invalidateQueries({ queryKey: ['hosts', 'list'] });
      onClose();
    },
  });
  return (
    <Dialog title="Labels of the host" onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          mutation.mutate();
        }}
      >
        <Field
          label="Labels"
          autoFocus
          value={text}
          hint="Separated by commas, such as env=prod, site=fra. They replace labels of the agent and of the enrollment token that have the same key."
          onChange={(event) => setText(event.target.value)}
        />
        <ErrorNote error={formError(mutation.error)} />
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={mutation.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
