/**
 * Why targets are missed that are, as profiles and plans told. It names no figures, which the tables have; where a
 * table says `pass` by now, its paragraph goes.
 */
export const REMAINS = `Where the tables above say \`shortfall\`, profiles and plans say why:

- **Against the obvious way, 50 containers.** One at a time, Muster is ahead of the hand-written statement, and that is
  where the floor lies: one round trip and one commit, which waits for the disk. The obvious way is slow by its fifty
  round trips; from 200 containers on, where those outweigh the commit, the factor is above the target.
- **Everything changed, against the hand-written statement.** The statement without history writes fifty rows, Muster
  writes those and fifty events with an index entry each: beside the one that writes the same events it is nearer, and
  level in PostgreSQL's CPU time. The rest is Node's: checking each field, comparing with what was, and naming what
  happened, some 50 µs a container. For \`aged\`, where there is no event, it is that alone.
- **Over HTTP, everything changed, and CPU against the row loop.** The same fifty events. A history written in batches,
  or after the answer, would cost less and not be in the transaction that it tells of.
- **Heartbeats and 2 % over 64 connections.** One Node.js thread is saturated, in both servers. Group commit takes
  PostgreSQL's part away: by CPU of both together Muster is well ahead of the bare route, by rate it cannot be more than
  that thread allows.
- **Heartbeats, unchanged and 2 % over 8 connections.** With so few, a statement has mostly one report to carry, and what
  Muster does beside it counts: it authenticates, hashes the body, judges the order and answers with a summary. A report
  that is alone goes without arrays, which helped; to wait a turn of the event loop for a second one, or to have two or
  four statements under way, was tried and made it slower. The faster the machine's processor is beside its disk, the
  less there is to share: on slower days of the same machine the same cases passed, and the rounds of one run lie apart.
- **WAL.** Most of an unchanged snapshot's is the new version of the host's row, which the bare route writes, too; with 8
  connections fewer hosts share the records of a commit than with 64.
- **Reads at half a million rows.** Over 50 ms are pages deep in the order of state (found by the groups of hosts that
  have it, for no index may name what a restart changes), a state that one row in hundreds has, and two kinds of searches.
  What matches ten thousand rows, none of them early in the order, is read by the trigram index from as many pages of the
  table. What has fewer than three characters has no trigram: the order is walked until something is found, at about 3 µs
  a row. An empty page with a cursor would take a fiftieth of that time, and people would take it for "there is none". An
  index of pairs of characters would find it in 2 ms; it was measured and refused, for it makes a container that comes
  into being three times as dear to insert.
  [ADR 6](adr/0006-read-lists-in-index-order.md) tells what else was weighed.`;
