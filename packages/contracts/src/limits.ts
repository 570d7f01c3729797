/**
 * The limits of the API, each defined once. A request that exceeds one is refused as a whole, except for the fields of
 * a container: `fitContainer` shortens those, so that one container never blocks its host's snapshot.
 */

/** Containers in one snapshot. */
export const SNAPSHOT_CONTAINERS_MAX = 5_000;

/** Present containers of one host. Only incomplete snapshots can reach this limit, because they add containers. */
export const HOST_CONTAINERS_MAX = 10_000;

/** Container ids in one `Snapshot-Gone` header. The size of a request's headers allows this many Docker ids. */
export const SNAPSHOT_REMOVED_MAX = 100;

/** Bytes of a snapshot body, before and after decompression: 10 MiB. */
export const SNAPSHOT_BODY_BYTES_MAX = 10 * 1024 * 1024;

/** Bytes of any other request body: 64 KiB, several times the size of the largest valid one. */
export const BODY_BYTES_MAX = 64 * 1024;

/** Characters of a container's `dockerId`. */
export const DOCKER_ID_LENGTH_MAX = 128;

/** Characters of a container's name, of its image reference and of its image id. */
export const NAME_LENGTH_MAX = 1_024;

/** Characters of a container's command. */
export const COMMAND_LENGTH_MAX = 4_096;

/** Characters of a label key. A label with a longer key is dropped, because two shortened keys could collide. */
export const LABEL_KEY_LENGTH_MAX = 256;

/** Characters of a label value. */
export const LABEL_VALUE_LENGTH_MAX = 4_096;

/** Labels of one container, and the UTF-8 bytes of all their keys and values (64 KiB). */
export const LABELS_MAX = 4_096;
export const LABELS_BYTES_MAX = 64 * 1024;

/** Port entries of one container, after merging consecutive ports into ranges. */
export const PORTS_MAX = 4_096;

/** Characters of a container's state. */
export const STATE_LENGTH_MAX = 32;

/** Characters of the engine's status text. */
export const STATUS_LENGTH_MAX = 255;

/** Characters of a port's host address: enough for an IPv6 address with a zone id. */
export const PORT_IP_LENGTH_MAX = 64;

/** Characters of a name that a person chooses, such as a host's or a token's. */
export const DISPLAY_NAME_LENGTH_MAX = 200;

/** Characters of a fact about an agent's machine: engine id, version, architecture. */
export const FACT_LENGTH_MAX = 255;

/** Characters of `engineError`: why an agent cannot list its containers. */
export const ENGINE_ERROR_LENGTH_MAX = 1_024;

/** Characters of a host problem's message. */
export const PROBLEM_MESSAGE_LENGTH_MAX = 1_024;

/** Problems in one heartbeat. */
export const HOST_PROBLEMS_MAX = 8;

/** Entries of `errors` in one problem document. */
export const PROBLEM_ERRORS_MAX = 20;

/** Items on one page of a list: the maximum and the default. */
export const PAGE_LIMIT_MAX = 200;
export const PAGE_LIMIT_DEFAULT = 50;

/** Lifetime of an enrollment token in seconds: the default (a day) and the maximum (a year). */
export const ENROLLMENT_TOKEN_SECONDS_DEFAULT = 86_400;
export const ENROLLMENT_TOKEN_SECONDS_MAX = 365 * 86_400;

/** Hosts that one enrollment token can enroll. */
export const ENROLLMENT_TOKEN_USES_MAX = 100_000;

/** Characters of a password. NIST SP 800-63B requires at least 8 and advises against composition rules. */
export const PASSWORD_LENGTH_MIN = 12;
export const PASSWORD_LENGTH_MAX = 128;
