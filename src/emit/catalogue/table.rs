//! The table of measurements and fields, most important first. It knows names and no code.

use super::{Field, Measurement, Type};

const fn int(name: &'static str, unit: &'static str, help: &'static str) -> Field {
    Field { name, kind: Type::Int, unit, help }
}

const fn float(name: &'static str, unit: &'static str, help: &'static str) -> Field {
    Field { name, kind: Type::Float, unit, help }
}

const fn text(name: &'static str, help: &'static str) -> Field {
    Field { name, kind: Type::Text, unit: "", help }
}

/// What an accounting file counts, for the whole host and per provider and VMTA.
const RECIPIENTS: &[Field] = &[
    int("delivered_total", "recipients", "Recipients delivered (d records)"),
    int("bounced_total", "recipients", "Recipients bounced, local bounces included (b records)"),
    int("deferred_total", "recipients", "Temporary failures of single recipients (t records)"),
    int("queue_deferred_total", "attempts", "Failed attempts of a whole queue (tq records)"),
    int("received_total", "recipients", "Recipients received for sending (r records)"),
    int("remote_bounced_total", "recipients", "Bounces received from remote hosts later (rb records)"),
    int("remote_status_total", "recipients", "Status reports received from remote hosts (rs records)"),
    int("complaints_total", "complaints", "Feedback loop complaints (f records)"),
    int("delivered_bytes_total", "bytes", "Bytes delivered"),
];

const CLASS_TOTAL: Field = int("total", "lines", "Lines of this class");

pub const MEASUREMENTS: &[Measurement] = &[
    Measurement {
        name: "pmta_collector",
        tags: &["source"],
        help: "The collector about itself; with source, one of its sources",
        fields: &[
            int("up", "0/1", "Whether the source could be read"),
            float("duration_seconds", "seconds", "Time that the run or the source took"),
            int("bytes_total", "bytes", "Bytes read"),
            int("records_total", "records", "Records read"),
            int("rejected_total", "records", "Records that made no sense"),
            int("bad_time_total", "records", "Records whose time was unusable"),
            int("lag_bytes", "bytes", "Bytes known of and not read yet"),
            int("lost_bytes_total", "bytes", "Bytes known of that could never be read, at least"),
            int("lost_incidents_total", "times", "Times that bytes were lost"),
            int("events_missed_total", "events", "Events that this consumer did not fetch in time"),
            int("truncated", "0/1", "Whether rows were cut at the limit of lines"),
            int("skipped", "0/1", "Whether another run held the ledger, so that nothing new was read"),
            float("lock_wait_seconds", "seconds", "Time spent waiting for the ledger"),
            int("ledger_up", "0/1", "Whether the ledger could be written"),
            int(
                "catching_up",
                "0/1",
                "Whether totals are held back until a ledger that was set back knows them again",
            ),
            int("shared_state", "0/1", "Whether the state folder is the one that all hosts share"),
            int("state_bytes", "bytes", "Size of the state"),
            float("born_seconds", "seconds", "When the ledger began, as a Unix time"),
            float("last_success_seconds", "seconds", "When a run last succeeded, as a Unix time"),
        ],
    },
    Measurement {
        name: "pmta",
        tags: &["version"],
        help: "PowerMTA itself",
        fields: &[
            int("up", "0/1", "Whether PowerMTA answers"),
            int("running", "0/1", "Whether the PowerMTA process runs"),
            float("uptime_seconds", "seconds", "Time since PowerMTA started"),
        ],
    },
    Measurement {
        name: "pmta_totals",
        tags: &[],
        help: "Exact totals of the host since the ledger began",
        fields: RECIPIENTS,
    },
    Measurement {
        name: "pmta_finding",
        tags: &["finding", "provider", "reason", "severity", "vmta"],
        help: "What is wrong now; on every run while it lasts and for 10 minutes after",
        fields: &[
            int("active", "0/1", "1 while the finding fires"),
            int("suppressed", "0/1", "1 while the finding is known and expected"),
            float("was", "the finding's own", "The usual value"),
            float("now", "the finding's own", "The value now"),
            int("n", "attempts", "Attempts that the finding rests on"),
            int("recipients", "recipients", "Waiting recipients harmed"),
            float("since_seconds", "seconds", "How long it has lasted"),
        ],
    },
    Measurement {
        name: "pmta_event",
        tags: &["event", "provider", "severity", "state", "vmta"],
        help: "A change of a finding's state (a log line; not in Prometheus)",
        fields: &[
            text("event_id", "Stable and unique"),
            text("message", "The finding in one sentence"),
            text("action", "What to do"),
            text("confidence", "low, medium or high"),
            float("was", "the finding's own", "The usual value"),
            float("now", "the finding's own", "The value now"),
            int("n", "attempts", "Attempts that the finding rests on"),
            text("reason", "Why mail is refused, one of the reasons"),
            text("routing", "page, ticket or log"),
        ],
    },
    Measurement {
        name: "pmta_traffic",
        tags: &["direction"],
        help: "Traffic as the web monitor counts it",
        fields: &[
            int("recipients_total", "recipients", "Recipients"),
            int("messages_total", "messages", "Messages"),
            int("bytes_total", "bytes", "Bytes"),
            int("last_minute_recipients", "recipients", "Recipients in the last minute"),
            int("last_hour_recipients", "recipients", "Recipients in the last hour"),
        ],
    },
    Measurement {
        name: "pmta_connections",
        tags: &["direction"],
        help: "SMTP connections",
        fields: &[
            int("current", "connections", "Connections open now"),
            float("max", "connections", "Connections allowed"),
            int("top", "connections", "Most connections seen by PowerMTA"),
        ],
    },
    Measurement {
        name: "pmta_resolver",
        tags: &[],
        help: "PowerMTA's DNS resolver",
        fields: &[
            int("names_cached", "names", "Names in the cache"),
            int("pending", "queries", "Queries that wait for an answer or their turn"),
            int("active", "queries", "Queries under way"),
        ],
    },
    Measurement {
        name: "pmta_dns",
        tags: &["kind"],
        help: "Attempts that failed before any host answered (no reply of anybody), in the last 10 minutes",
        fields: &[
            int("failures", "attempts", "Attempts that failed so"),
            int("providers", "providers", "How many providers they were for"),
        ],
    },
    Measurement {
        name: "pmta_drain",
        tags: &[],
        help: "The active queue against the sending velocity",
        fields: &[
            int(
                "recipients_per_minute",
                "recipients a minute",
                "Recipients sent a minute over the last 5 minutes",
            ),
            float(
                "to_empty_seconds",
                "seconds",
                "Time to drain what waits and is not paused, at that velocity",
            ),
            float(
                "usual_seconds",
                "seconds",
                "The usual time to drain at this velocity, or at this time of day if that is longer",
            ),
        ],
    },
    Measurement {
        name: "pmta_hold",
        tags: &["kind"],
        help: "What is held: paused, backoff, parked (between retries), disabled (no source), jobs-paused, jobs-scheduled",
        fields: &[
            int("queues", "queues", "Queues held so"),
            int("jobs", "jobs", "Jobs held so"),
            int("recipients", "recipients", "Recipients in them"),
        ],
    },
    Measurement {
        name: "pmta_spool",
        tags: &[],
        help: "The spool",
        fields: &[
            int("files_in_use", "files", "Spool files in use"),
            int("files_recycled", "files", "Spool files kept for reuse"),
            int("files", "files", "Spool files in all, in use and recycled"),
            int("recipients", "recipients", "Recipients in the spool"),
            int("recipients_max", "recipients", "Recipients allowed in the spool"),
            float("init_ratio", "0-1", "How much of the spool has been read since PowerMTA started"),
        ],
    },
    Measurement {
        name: "pmta_queues",
        tags: &["kind"],
        help: "All queues of a kind together",
        fields: &[
            int("recipients", "recipients", "Recipients waiting"),
            int("domains", "domains", "Domains with waiting recipients"),
            int("bytes", "bytes", "Bytes waiting"),
        ],
    },
    Measurement {
        name: "pmta_memory",
        tags: &["process"],
        help: "Memory of PowerMTA's processes; without process, of the host",
        fields: &[
            int("rss_bytes", "bytes", "Resident memory"),
            int("anon_bytes", "bytes", "Anonymous memory"),
            int("swap_bytes", "bytes", "Memory swapped out"),
            int("threads", "threads", "Threads"),
            int("descriptors", "files", "Files and connections open, of the process nearest to its limit"),
            int("descriptors_max", "files", "How many it may open"),
            int(
                "cgroup_bytes",
                "bytes",
                "Memory that its control group uses, without what the kernel can drop",
            ),
            int(
                "cgroup_max_bytes",
                "bytes",
                "Memory that the control group may use, the tightest limit above it",
            ),
            int("anon_floor_bytes", "bytes", "Least anonymous memory of the last seven days"),
            int("restarts_total", "restarts", "Times the process was seen anew"),
            int("bytes_per_recipient", "bytes", "Anonymous memory per waiting recipient"),
            int(
                "bytes_per_recipient_floor",
                "bytes",
                "The least of it for as long a queue in the last seven days",
            ),
            float(
                "psi_some_avg10_ratio",
                "0-1",
                "Share of time that something waited for memory, over 10 seconds",
            ),
            int(
                "fragmentation_index",
                "1/1000",
                "The kernel's index of external fragmentation, the worst order",
            ),
        ],
    },
    Measurement {
        name: "pmta_memory_pool",
        tags: &["name"],
        help: "What `pmta show memory` says, where a version has it (5.0 has not)",
        fields: &[int("value", "PowerMTA's own", "The number under this name")],
    },
    Measurement {
        name: "pmta_disk",
        tags: &["folder"],
        help: "The disks that PowerMTA writes to",
        fields: &[
            int("free_bytes", "bytes", "Bytes free"),
            int("free_inodes", "inodes", "Inodes free"),
            float("free_ratio", "0-1", "Share of the disk that is free"),
            int("min_free_bytes", "bytes", "Free bytes below which PowerMTA stops accepting mail"),
        ],
    },
    Measurement {
        name: "pmta_license",
        tags: &[],
        help: "The licence",
        fields: &[int("days_left", "days", "Days until the licence ends")],
    },
    Measurement {
        name: "pmta_smtp_probe",
        tags: &["listener"],
        help: "What a client sees that connects to PowerMTA",
        fields: &[
            int("up", "0/1", "Whether the listener greeted"),
            float("connect_seconds", "seconds", "Time to connect"),
            float("banner_seconds", "seconds", "Time from the connection to the greeting"),
            int("starttls", "0/1", "Whether STARTTLS is offered"),
            int("accepts", "0/1", "Whether smtp.mail_from and smtp.rcpt_to are taken, where they are set"),
        ],
    },
    Measurement {
        name: "pmta_log",
        tags: &["class"],
        help: "Lines of PowerMTA's log by class",
        fields: &[CLASS_TOTAL],
    },
    Measurement {
        name: "pmta_kernel",
        tags: &["class"],
        help: "Lines of the kernel's log by class",
        fields: &[
            CLASS_TOTAL,
            int("missed_total", "lines", "Lines that the kernel dropped before they were read"),
        ],
    },
    Measurement {
        name: "pmta_throttle",
        tags: &["provider"],
        help: "How hard a provider slows us down",
        fields: &[
            float("ratio", "0-1", "Share of attempts that were throttled"),
            float("queue_ratio", "0-1", "Share of attempts that were throttled as a whole queue (tq)"),
            float("policy_ratio", "0-1", "Share of attempts that were deferred for policy or reputation"),
            float("policy_bounced_ratio", "0-1", "Share of attempts that were bounced for the same reasons"),
            int("attempts", "attempts", "Attempts in the window"),
        ],
    },
    Measurement {
        name: "pmta_delivery_delay_seconds",
        tags: &["provider"],
        help: "Time from queueing to delivery",
        fields: &[
            float("p50", "seconds", "Half of the window's deliveries took at most this"),
            float("p95", "seconds", "95 of 100 of the window's deliveries took at most this"),
            float("max", "seconds", "The window's slowest delivery"),
            int("sum_total", "seconds", "Delays of all deliveries added up"),
            int("count_total", "recipients", "Deliveries whose delay is known"),
        ],
    },
    Measurement {
        name: "pmta_queue_age",
        tags: &["provider", "queue"],
        help: "How long the oldest mail waits",
        fields: &[
            float("oldest_seconds", "seconds", "Age of the oldest waiting recipient, as far as it is known"),
            int(
                "beyond_retry_recipients",
                "recipients",
                "Recipients waiting longer than a retry should take",
            ),
            int(
                "expiring_recipients",
                "recipients",
                "About so many expire in the next 12 hours at the present pace",
            ),
            int(
                "probed",
                "0-2",
                "Where the age is from: 0 the accounting file's deferrals; 1 PowerMTA's answer to a question for it, 2 its list of the queue (`/listqueue`), both at least so old",
            ),
        ],
    },
    Measurement {
        name: "pmta_fairness",
        tags: &["vmta"],
        help: "Whether VMTAs get their share",
        fields: &[
            float("jain_index", "0-1", "Jain's index of the VMTAs' throughput, 1 is even"),
            int("stalled_vmtas", "VMTAs", "VMTAs with waiting mail that deliver nothing"),
            float("share_ratio", "0-1", "The VMTA's share of all deliveries"),
        ],
    },
    Measurement {
        name: "pmta_recipients",
        tags: &["provider", "vmta"],
        help: "Exact totals per provider and VMTA; what has no slot is in `other`",
        fields: RECIPIENTS,
    },
    Measurement {
        name: "pmta_replies",
        tags: &["outcome", "provider", "reason"],
        help: "Why mail was deferred or bounced",
        fields: &[int("total", "recipients", "Records with this outcome for this reason")],
    },
    Measurement {
        name: "pmta_vmta",
        tags: &["vmta"],
        help: "A VMTA's queues together",
        fields: &[
            int("recipients", "recipients", "Recipients waiting"),
            int("bytes", "bytes", "Bytes waiting"),
            int("connections", "connections", "Connections open now"),
            int("domains", "domains", "Domains with waiting recipients"),
            int("connections_max", "connections", "Connections allowed"),
        ],
    },
    Measurement {
        name: "pmta_queue",
        tags: &["provider", "queue", "vmta"],
        help: "One queue, a domain and a VMTA",
        fields: &[
            int("recipients", "recipients", "Recipients waiting"),
            int("bytes", "bytes", "Bytes waiting"),
            int("connections", "connections", "Connections open now"),
            int("paused", "0/1", "Whether the queue is paused"),
            int("backoff", "0/1", "Whether the queue is in backoff mode"),
            int(
                "connections_max",
                "connections",
                "Connections allowed in its mode by PowerMTA's configuration files",
            ),
            int(
                "connections_max_in_force",
                "connections",
                "The same as PowerMTA itself says (`show settings`), where it can be asked",
            ),
        ],
    },
];
