import { HOST_LABEL_CHANGES_MAX, type Host, type HostLabels } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { LabelsField } from '../../components/labels-field';
import { api, formError } from '../../lib/api/client';
import { formatCount } from '../../lib/format-count';
import { labelError, parseLabelLines } from '../../lib/host-labels';

/** The dialog in which an admin sets and removes labels of operators on several hosts. */
export function LabelHostsDialog({ hosts, onClose }: { hosts: readonly Host[]; onClose: () => void }) {
  const client = useQueryClient();
  const [text, setText] = useState('');
  const [removedText, setRemovedText] = useState('');
  const [problem, setProblem] = useState<string>();
  const mutation = useMutation({
    mutationFn: async ({ set, remove }: { set: HostLabels; remove: string[] }) => {
      for (let start = 0; start < hosts.length; start += HOST_LABEL_CHANGES_MAX) {
        const hostIds = hosts.slice(start, start + HOST_LABEL_CHANGES_MAX).map(({ id }) => id);
        await api.call('changeHostLabels', { body: { hostIds, set, remove } });
      }
    },
    // An earlier batch may have been changed although a later one failed.
    onSettled: () => client.invalidateQueries({ queryKey: ['hosts'] }),
    onSuccess: onClose,
  });
  return (
    <Dialog title={`Labels of ${formatCount(hosts.length, 'host')}`} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const parsed = parseLabelLines(text);
          const remove = removedText.split(/[\s,]+/).filter((key) => key !== '');
          const isEmpty = 'labels' in parsed && Object.keys(parsed.labels).length + remove.length === 0;
          setProblem('error' in parsed ? parsed.error : isEmpty ? 'Enter a label to set or to remove.' : undefined);
          if ('labels' in parsed && !isEmpty) mutation.mutate({ set: parsed.labels, remove });
        }}
      >
        <LabelsField
          autoFocus
          label="Set labels"
          value={text}
          hint="One per line. Other labels of the hosts do not change."
          error={problem ?? labelError(mutation.error)}
          onChange={setText}
        />
        <Field
          label="Remove labels"
          placeholder="site, team"
          value={removedText}
          hint="Keys, separated by commas. Labels of agents and enrollment tokens cannot be removed."
          onChange={(event) => setRemovedText(event.target.value)}
        />
        <ErrorNote error={formError(mutation.error)} />
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={mutation.isPending}>
            Change labels
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
