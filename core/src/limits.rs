//! Every limit of the engine, in one table, each with its reason. The limits of a service stand
//! beside its adapter; those of a vendor stand in its manifest.

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// Shards of the plan. Part of stored keys, so it can never change.
pub const SHARDS: u8 = 64;
/// Longest name of a source, sink or backfill: fits a DNS label and every stored key.
pub const NAME_BYTES_MAX: usize = 63;

/// Default number of windows between `open_from` and `scheduled_through` of one timeline, of any
/// status. At this number a stuck source creates no more windows.
pub const OPEN_WINDOWS_DEFAULT: u32 = 64;
/// Largest number of open windows that a configuration may set: one query of the open range stays
/// under 1 MB.
pub const OPEN_WINDOWS_MAX: u32 = 1_000;
/// Unfinished windows listed before `open_from`; a full list stops the creation of windows.
pub const BEHIND_MAX: usize = 32;
/// Age from which changed counts of a lane's windows are written without another reason: at most
/// six writes an hour, and none for a window that is created and finished meanwhile.
pub const SUMMARY_AGE_MS: i64 = 10 * MINUTE_MS;
/// Requests of `windlass status` for all sources of a table: two listings for each of [`SHARDS`],
/// one read of the table's own item at its opening, and one for the shards in use. Sources with
/// open windows are read one by one up to this number.
pub const LOOK_REQUESTS_MAX: usize = 2 * SHARDS as usize + 2;
/// Spans beyond the vendor's retention that one timeline stores; time past it is requested from the
/// vendor anyway.
pub const UNAVAILABLE_MAX: usize = 64;
/// Windows that one tick creates for one timeline, so that one source cannot delay a tick.
pub const CREATED_PER_TICK_MAX: usize = 64;
/// Windows in the payload of one invocation.
pub const WINDOWS_PER_TASK_MAX: usize = 64;
/// Expected records of a quiet window at most, about one page: it may share an invocation.
pub const QUIET_RECORDS_MAX: u64 = 1_000;
/// Quiet windows that share one invocation.
pub const TASKS_PER_INVOCATION_MAX: usize = 16;
/// Concurrent tasks of one invocation: the pages of each are in memory.
pub const TASKS_AT_ONCE_MAX: usize = 8;
/// Windows of one worker run. The worker then returns to its dispatcher, which may have more urgent
/// work.
pub const WINDOWS_PER_RUN_MAX: usize = 16;
/// Sources of a crowded rate group that one worker checks for a further window.
pub const SOURCES_LOOKED_AT_MAX: usize = 32;
/// Concurrent workers of one source at most.
pub const IN_FLIGHT_MAX: u32 = 64;

/// Pages of one window in one run. Only an endless pager reaches it; reaching it is never the end
/// of a window.
pub const PAGES_PER_RUN_MAX: u64 = 100_000;
/// Cursor hashes that are kept to detect a token cycle.
pub const CURSOR_MEMORY: usize = 8;
/// Longest stored cursor in bytes: an item must stay small, and no vendor documents longer tokens.
pub const CURSOR_BYTES_MAX: usize = 16 * 1024;
/// Runs without a checkpoint, each ended by a crash or a repeatable page error, before a window
/// parks.
pub const ATTEMPTS_MAX: u32 = 10;
/// Consecutive deaths of the process, while a window was the only suspect in flight and had no
/// page, before it parks. The first death, which makes it a suspect, does not count.
pub const SUSPECT_DEATHS_MAX: u32 = 5;
/// Time until a window that parked as a suspect is probed: often enough for a page that recovers
/// without an operator, and so seldom that a process which dies of it loses little.
pub const SUSPECT_RETRY_MS: i64 = DAY_MS;
/// Restarts from page one before a window parks.
pub const RESTARTS_MAX: u32 = 5;
/// Overruns of a window before it is split at its frontier: a window that needs two or three runs
/// finishes sooner than a split does.
pub const OVERRUNS_BEFORE_SPLIT: u32 = 3;
/// Windows that the unread rest of a split window becomes at most: as many workers may read it, and
/// a split is one transaction of at most [`SPLIT_ITEMS_MAX`] items.
pub const SPLIT_PIECES_MAX: i64 = 8;
/// Items of one split: the pieces, the delivered part and the marks. The delivered part is the
/// window itself or one beside it. A transaction costs twice for each item and blocks other writes
/// of them.
pub const SPLIT_ITEMS_MAX: usize = 10;
/// Attempts at one page within one run.
pub const PAGE_TRIES_MAX: usize = 5;
/// Attempts at one state write whose outcome is unknown or whose store is unavailable.
pub const STATE_TRIES_MAX: usize = 6;

/// First delay between attempts at a page.
pub const RETRY_DELAY_MIN_MS: i64 = 500;
/// Longest delay between attempts at a page, and the longest wait that a worker sleeps through. A
/// longer one is stored as `not_before`, and the worker releases the window.
pub const RETRY_DELAY_MAX_MS: i64 = 5 * SECOND_MS;
/// First delay between attempts at a state write.
pub const WRITE_DELAY_MIN_MS: i64 = 50;
/// Longest interval of a declared request rate that a worker sleeps through; at a slower rate, the
/// interval is stored as the rate group's `not_before`.
pub const RATE_SLEEP_MAX_MS: i64 = 10 * SECOND_MS;
/// Share of a rate group's request rate that is enough for one worker, in requests per minute:
/// pages seldom take less than half a second. Workers with smaller shares reserve requests.
pub const SHARE_AMPLE_PER_MINUTE: u32 = 120;
/// Extra space between request reservations, in percent: requests do not arrive at a vendor as
/// evenly as they were sent.
pub const RESERVATION_SLACK_PERCENT: i64 = 5;
/// Time ahead for which a worker reserves requests: unused reservations are lost to the other
/// workers.
pub const RESERVED_AHEAD_MS: i64 = 2 * SECOND_MS;
/// Requests reserved at once at most.
pub const RESERVATIONS_AT_ONCE_MAX: i64 = 16;
/// Maximum reservation horizon: the wait of one worker and its reservations after that.
pub const RESERVATION_MS_MAX: i64 = 2 * RATE_SLEEP_MAX_MS + RESERVED_AHEAD_MS;
/// Maximum age of a worker's knowledge of its rate group's cooldown when it requests a page.
pub const COOLDOWN_READ_MS: i64 = 5 * SECOND_MS;
/// First backoff after a failed run.
pub const BACKOFF_MIN_MS: i64 = 5 * SECOND_MS;
/// Longest backoff after failed runs.
pub const BACKOFF_MAX_MS: i64 = 15 * MINUTE_MS;
/// Longest stored wait, even if a vendor asks for more; then a request follows.
pub const WAIT_MS_MAX: i64 = HOUR_MS;

/// Runs of a window that ended in a rejection which is often transient, such as just expired
/// credentials, before the source is blocked: with the stored backoff about five minutes.
pub const REFUSALS_BEFORE_BLOCK: u32 = 6;
/// Time between two probes of a blocked source: six requests an hour for the vendor, and a short
/// wait for an operator who has renewed a credential.
pub const PROBE_MS: i64 = 10 * MINUTE_MS;
/// Age of a block from which probes come less often.
pub const PROBE_SLOW_AFTER_MS: i64 = 6 * HOUR_MS;
/// Time between two probes of a block of that age: 24 requests a day.
pub const PROBE_SLOW_MS: i64 = HOUR_MS;
/// Time between two probes of a source with a trouble of this machine, such as a full disk: its end
/// may come within moments, and the machine shows it.
pub const PROBE_LOCAL_MS: i64 = MINUTE_MS;

/// Largest difference between the clocks of this system's machines.
pub const CLOCK_SKEW_MS: i64 = 60 * SECOND_MS;
/// Latest time that the machine clock returns, 9000-01-01. Waits are instants, and the last instant
/// is the end of the year 9999: at that time every wait would end at once.
pub const CLOCK_LATEST: Timestamp = Timestamp::from_ms(221_845_392_000_000);
/// Longest lease with an end: the longest invocation of Lambda plus the clock skew.
pub const LEASE_MS_MAX: i64 = 15 * MINUTE_MS + CLOCK_SKEW_MS;
/// Difference of two clocks from which one of them must be wrong; other vendors or an operator
/// decide which one. A wrong time zone is less, a dead battery or a wrong year more.
pub const CLOCK_DISPUTE_MS: i64 = DAY_MS;
/// Maximum age of the stored offset of a vendor's clock: a later response replaces it, eight writes
/// a day for a rate group. Irreversible steps trail by as much.
pub const CLOCK_STORED_MS: i64 = 3 * HOUR_MS;
/// Time after a response for which the machine clock is trusted. After that, windows are created
/// one at a time until the next response. Twice the age at which the offset is stored again.
pub const CLOCK_BELIEVED_MS: i64 = 2 * CLOCK_STORED_MS;
/// Other rate groups that are read to find as many witnesses: some have no response yet, or no
/// recent one.
pub const WITNESSES_ASKED_MAX: usize = 8 * WITNESSES_MAX;
/// Other rate groups whose clocks serve as witnesses: enough to outvote a wrong one.
pub const WITNESSES_MAX: usize = 8;
/// Distance of a new window's end from `now - settle`, because a `Date` header has whole seconds
/// and is already old when it arrives.
pub const EDGE_ALLOWANCE_MS: i64 = 2 * SECOND_MS;
/// Least time that a worker reserves to release its window before its deadline.
pub const DEADLINE_MARGIN_MS: i64 = 10 * SECOND_MS;
/// Part of a worker's remaining time that a page in flight may not use: one state write with a few
/// retries.
pub const RELEASE_MS: i64 = 3 * SECOND_MS;
/// Time that a sink may take for the current page after a shutdown request; then the worker drops
/// the page. Docker kills a process after ten seconds, Kubernetes after thirty.
pub const STOP_GRACE_MS: i64 = 5 * SECOND_MS;
/// Time after a shutdown request from which a wait for a sink is logged: usual pages take less.
pub const STOP_NOTICE_MS: i64 = SECOND_MS;
/// Time without progress from which a worker counts as stalled: several times that of a slow
/// vendor's page.
pub const STALL_MS: i64 = 5 * SECOND_MS;
/// Time between two log lines about stalled workers.
pub const STALL_LOG_MS: i64 = MINUTE_MS;
/// Shortest history of done windows.
pub const HISTORY_MS_MIN: i64 = 7 * DAY_MS;
/// Default history of done windows.
pub const HISTORY_MS_DEFAULT: i64 = 30 * DAY_MS;

/// Sweep lanes of one source.
pub const SWEEPS_MAX: usize = 4;
/// Records of a sweep lane from which older counts decay.
pub const LATENESS_RECORDS: u64 = 1_000_000;
/// Records of the live windows that one sweep window joins at most: one page of the vendors that
/// need sweeps, so that a vendor which served each live window can serve it. A live window with
/// more records gets a sweep window of its own. A sweep window that does not fit parks instead of
/// splitting.
pub const SWEEP_RECORDS_MAX: u64 = 1_000;
/// Live windows that one tick reads to plan one sweep lane.
pub const SWEEP_LEDGER_MAX: usize = 256;
/// Delivered ids that one sweep window may load, 8 bytes each: 16 MiB. A live window with more
/// cannot be swept, and its sweep window parks.
pub const SEEN_DIGESTS_MAX: usize = 2 * 1024 * 1024;
/// Ids in one stored item, so that it stays far below 400 KB; a page with more is stored in
/// several.
pub const SEEN_DIGESTS_PER_ITEM: usize = 20_000;

/// Shortest time before records are lost from which a source counts as endangered.
pub const RETENTION_GUARD_MS_MIN: i64 = HOUR_MS;
/// Longest time before records are lost from which a source counts as endangered.
pub const RETENTION_GUARD_MS_MAX: i64 = 7 * DAY_MS;

/// Records that an adaptive window aims at: about twenty pages of a thousand, so that a window is
/// worth its four state writes and still finishes within minutes.
pub const WINDOW_RECORDS_TARGET: u64 = 20_000;
/// Largest growth of an adaptive window from one to the next, as a factor.
pub const WIDTH_GROWTH_MAX: i64 = 2;
/// Default time that the live edge collects before it becomes a window.
pub const EVERY_MS_DEFAULT: i64 = 5 * MINUTE_MS;

/// Largest response body, after decompression.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Records of one page that exist as records, lines or rejects at once: a few megabytes even for
/// large numbers of small ones. A page with more is delivered whole, in pieces of at most this
/// many.
pub const RECORDS_AT_ONCE_MAX: usize = 10_000;
/// Bytes of the records of one piece; a larger record is a piece of its own. Most vendors' pages
/// fit, and each piece costs a sync or a call.
pub const RECORD_BYTES_AT_ONCE_MAX: usize = 8 * 1024 * 1024;
/// Largest body that is parsed among the other tasks of a process: a few milliseconds. A larger one
/// is parsed on a thread of its own, which costs up to a tenth of a millisecond.
pub const READ_BYTES_INLINE_MAX: usize = 1024 * 1024;
/// Longest id of a record in bytes. Lines contain the id, up to three times as long; a longer value
/// is not an id, and no vendor documents one.
pub const ID_BYTES_MAX: usize = 4 * 1024;
/// Largest body beside which the next page is fetched. With a larger one, a second body would
/// double the memory of a worker, and the transfer takes longer than the wait that it saves.
pub const PREFETCH_BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Largest token, error or sample body that is read whole for a message.
pub const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest stored or printed error message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 500;
/// Next links or header values that are read from one response at most.
pub const HEADER_LINKS_MAX: usize = 32;
/// Largest manifest or secret file in bytes.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Largest configuration in bytes, all files together: 20,000 sources of 800 bytes each. Its text
/// stays in memory for the positions of errors.
pub const CONFIG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files of one configuration: one for each source.
pub const CONFIG_FILES_MAX: usize = SOURCES_MAX;
/// Depth of files that include each other, counted from the first one.
pub const INCLUDE_DEPTH_MAX: usize = 8;
/// Longest stored name of a configuration file in bytes: half a write unit is left for the source
/// itself.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// Sources of one configuration, including those that lists of parameters expand to. With three
/// lanes each, a tick lists 18 MB of progress.
pub const SOURCES_MAX: usize = 20_000;
/// Time to connect to a vendor.
pub const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// Longest silence within a response.
pub const READ_TIMEOUT_MS: u64 = 30_000;
/// Longest time for one whole request.
pub const REQUEST_TIMEOUT_MS: u64 = 120_000;
