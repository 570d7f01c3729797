import type { Host, HostLabels } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { LabelsField } from '../../components/labels-field';
import { api, formError } from '../../lib/api/client';
import { refresh } from '../../lib/api/refresh';
import { formatCount } from '../../lib/format-count';
import { labelError, parseLabelLines } from '../../lib/host-labels';
import { describeCounts, labelInBatches, NO_COUNTS } from './label-in-batches';

/** The dialog in which an admin sets and removes operator labels on several hosts. */
export function LabelHostsDialog({ hosts, onClose }: { hosts: readonly Host[]; onClose: () => void }) {
  const client = useQueryClient();
  const [text, setText] = useState('');
  const [removedText, setRemovedText] = useState('');
  const [problem, setProblem] = useState<string>();
  const [counts, setCounts] = useState(NO_COUNTS);
  const removedKeys = removedText.split(/[\s,]+/).filter((key) => key !== '');
  const mutation = useMutation({
    mutationFn: (change: { set: HostLabels; remove: string[] }) => {
      setCounts(NO_COUNTS);
      return labelInBatches(
        hosts.map(({ id }) => id),
        (hostIds) => api.call('changeHostLabels', { body: { hostIds, ...change } }),
        setCounts,
      );
    },
    // An earlier batch may have been changed although a later one failed.
    onSettled: () => refresh(client),
    onSuccess: ({ notFound }) => {
      if (notFound === 0) onClose();
    },
  });
  return (
    <Dialog title={`Labels of ${formatCount(hosts.length, 'host')}`} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const parsed = parseLabelLines(text);
          const isEmpty = 'labels' in parsed && Object.keys(parsed.labels).length + removedKeys.length === 0;
          setProblem('error' in parsed ? parsed.error : isEmpty ? 'Enter a label to set or to remove.' : undefined);
          if ('labels' in parsed && !isEmpty) mutation.mutate({ set: parsed.labels, remove: removedKeys });
        }}
      >
        <LabelsField
          autoFocus
          label="Set labels"
          value={text}
          hint="One per line. Other labels of the hosts do not change."
          error={problem ?? labelError(mutation.error, 'set')}
          onChange={setText}
        />
        <Field
          label="Remove labels"
          placeholder="site, team"
          value={removedText}
          hint="Keys, separated by commas. Labels of agents and enrollment tokens cannot be removed."
          error={labelError(mutation.error, 'remove', mutation.variables?.remove)}
          onChange={(event) => setRemovedText(event.target.value)}
        />
        <ErrorNote error={formError(mutation.error)} />
        <p role="status" className="soft">
          {!mutation.isPending && describeCounts(counts)}
        </p>
        <div className="actions">
          <Button onClick={onClose}>{mutation.isSuccess ? 'Close' : 'Cancel'}</Button>
          <Button type="submit" kind="primary" busy={mutation.isPending}>
            Change labels
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
