import type { Host } from '@muster/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, formError } from '../../lib/api/client';
import { refresh } from '../../lib/api/refresh';
import { formatLabelLines, labelDifference, labelError, labelsOfSource, parseLabelLines } from '../../lib/host-labels';
import { Button } from '../../components/button';
import { Dialog } from '../../components/dialog';
import { ErrorNote } from '../../components/error-note';
import { LabelsField } from '../../components/labels-field';

/**
 * The dialog in which an admin edits the labels that operators have set on a host. It sends only what the admin
 * changed, so that a change that someone else made in the meantime is kept.
 */
export function HostLabelsDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const [before] = useState(() => labelsOfSource(host, 'operator'));
  const [text, setText] = useState(() => formatLabelLines(before));
  const [problem, setProblem] = useState<string>();
  const mutation = useMutation({
    mutationFn: async (labels: Host['labels']) => {
      const change = labelDifference(before, labels);
      if (change === null) return;
      const { notFound } = await api.call('changeHostLabels', { body: { hostIds: [host.id], ...change } });
      if (notFound.length > 0) throw new Error('The host has been deleted.');
    },
    onSuccess: () => {
      refresh(client);
      onClose();
    },
  });
  return (
    <Dialog title="Labels of the host" onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const parsed = parseLabelLines(text);
          setProblem('error' in parsed ? parsed.error : undefined);
          if ('labels' in parsed) mutation.mutate(parsed.labels);
        }}
      >
        <LabelsField
          autoFocus
          label="Labels set by operators"
          value={text}
          hint="One per line. They replace labels of the agent and of the enrollment token with the same key."
          error={problem ?? labelError(mutation.error, 'set') ?? labelError(mutation.error, 'remove')}
          onChange={setText}
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
