/**
 * The limits of the wire, each named once. A body beyond one is refused as a whole, except for the fields of a
 * container: `fitContainer` shortens those, so that one container never blocks the snapshot of its host.
 */

/** Containers in one snapshot. */
export const SNAPSHOT_CONTAINERS_MAX = 5_000;

/** Present containers of one host. Only incomplete snapshots can exceed it: they add to what is there. */
export const HOST_CONTAINERS_MAX = 10_000;

/** Containers that one incomplete snapshot can say are gone: as many ids of Docker's as a request's headers hold. */
export const SNAPSHOT_GONE_MAX = 100;

/** Bytes of a snapshot's body, before and after decompression: 10 MiB. */
export const SNAPSHOT_BODY_BYTES_MAX = 10 * 1024 * 1024;

/** Bytes of any other request body: 64 KiB, many times what the largest valid one needs. */
export const BODY_BYTES_MAX = 64 * 1024;

/** Characters of a container's engine id. */
export const DOCKER_ID_LENGTH_MAX = 128;

/** Characters of a container's name, of its image reference and of its image id. */
export const NAME_LENGTH_MAX = 1_024;

/** Characters of a container's command. */
export const COMMAND_LENGTH_MAX = 4_096;

/** Characters of a label's key. A label with a longer key is dropped: two shortened keys could become one. */
export const LABEL_KEY_LENGTH_MAX = 256;

/** Characters of a label's value. */
export const LABEL_VALUE_LENGTH_MAX = 4_096;

/** Labels of one container, and bytes of all their keys and values in UTF-8 (64 KiB). */
export const LABELS_MAX = 4_096;
export const LABELS_BYTES_MAX = 64 * 1024;

/** Port entries of one container, after consecutive ports were merged into ranges. */
export const PORTS_MAX = 4_096;

/** Characters of a state word. */
export const STATE_LENGTH_MAX = 32;

/** Characters of the engine's status text. */
export const STATUS_LENGTH_MAX = 255;

/** Characters of a port's host address: room for an IPv6 address with a zone. */
export const PORT_IP_LENGTH_MAX = 64;

/** Characters of a label that a person gives: a host's name, a token's name. */
export const DISPLAY_NAME_LENGTH_MAX = 200;

/** Characters of a fact that an agent tells of its machine: engine id, version, architecture. */
export const FACT_LENGTH_MAX = 255;

/** Characters of an agent's account of why it cannot list its containers. */
export const ENGINE_ERROR_LENGTH_MAX = 1_024;

/** Characters of a host problem's message. */
export const PROBLEM_MESSAGE_LENGTH_MAX = 1_024;

/** Problems that one heartbeat carries. */
export const HOST_PROBLEMS_MAX = 8;

/** Entries of `errors` in one problem document. */
export const PROBLEM_ERRORS_MAX = 20;

/** Items on one page of a list, at most and by default. */
export const PAGE_LIMIT_MAX = 200;
export const PAGE_LIMIT_DEFAULT = 50;

/** Seconds that an enrollment token lives by default (a day) and at most (a year). */
export const ENROLLMENT_TOKEN_SECONDS_DEFAULT = 86_400;
export const ENROLLMENT_TOKEN_SECONDS_MAX = 365 * 86_400;

/** Hosts that one enrollment token can enrol at most. */
export const ENROLLMENT_TOKEN_USES_MAX = 100_000;

/** Characters of a password: NIST SP 800-63B asks for 8 at least, and for no rules of what they are. */
export const PASSWORD_LENGTH_MIN = 12;
export const PASSWORD_LENGTH_MAX = 128;
