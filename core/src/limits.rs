//! Every bound of the engine, in one table, each with its reason. A service's own bounds stand
//! beside its adapter; a vendor's stand in its manifest.

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// Shards of the plan. A constant: it is part of stored keys, so it can never change.
pub const SHARDS: u8 = 64;
/// Longest source, sink or backfill name: fits a DNS label and every stored key.
pub const NAME_BYTES_MAX: usize = 63;

/// Windows between `open_from` and `scheduled_through` of one timeline, whatever their status.
/// The default; a stuck source stops growing here and its timeline just waits.
pub const OPEN_WINDOWS_DEFAULT: u32 = 64;
/// The most a configuration may ask for: one query of the open range stays under 1 MB.
pub const OPEN_WINDOWS_MAX: u32 = 1_000;
/// Unfinished windows listed before `open_from`; when full, carving stops.
pub const BEHIND_MAX: usize = 32;
/// Age from which changed counts of a lane's windows are written without another reason: at most six
/// writes an hour, and none for a window that is created and finished meanwhile.
pub const SUMMARY_AGE_MS: i64 = 10 * MINUTE_MS;
/// Requests of `windlass status` for all sources of a table: two listings for each of [`SHARDS`], and the
/// table's own item at its opening and for the shards in use. Within that, sources with open windows
/// are read one by one.
pub const LOOK_REQUESTS_MAX: usize = 2 * SHARDS as usize + 2;
/// Spans beyond the vendor's retention that one timeline remembers; past it, the vendor is asked anyway.
pub const UNAVAILABLE_MAX: usize = 64;
/// Windows one tick creates for one timeline, so that one source cannot hold up a tick.
pub const CARVE_PER_TICK_MAX: usize = 64;
/// Windows one invocation's payload names.
pub const WINDOWS_PER_TASK_MAX: usize = 64;
/// Records that a window is expected to hold at most, to share an invocation: about one page.
pub const QUIET_RECORDS_MAX: u64 = 1_000;
/// Small windows that share one invocation.
pub const TASKS_PER_INVOCATION_MAX: usize = 16;
/// Tasks of one invocation that are worked on at the same time: pages of each are in memory.
pub const TASKS_AT_ONCE_MAX: usize = 8;
/// Windows one worker run does before it returns to its dispatcher, which may have work that is
/// further behind.
pub const WINDOWS_PER_RUN_MAX: usize = 16;
/// Sources of a crowded rate group that one worker looks at for a further window.
pub const SOURCES_LOOKED_AT_MAX: usize = 32;
/// Workers of one source at once, at most.
pub const IN_FLIGHT_MAX: u32 = 64;

/// Pages of one window in one run. A pager that never ends meets it; it never counts as the end.
pub const PAGES_PER_RUN_MAX: u64 = 100_000;
/// Cursor hashes remembered to notice a pager that goes in circles.
pub const CURSOR_MEMORY: usize = 8;
/// Longest cursor stored: an item must stay small, and no vendor documents longer tokens.
pub const CURSOR_BYTES_MAX: usize = 16 * 1024;
/// Runs without a checkpoint, each ended by a crash or a repeatable page error, before a window parks.
pub const ATTEMPTS_MAX: u32 = 10;
/// Deaths of the process in a row, while a window was in flight as the only suspect and had no page,
/// before it parks. The first death, which makes it a suspect, is not among them.
pub const SUSPECT_DEATHS_MAX: u32 = 5;
/// How often a window that parked as a suspect is tried again, once: often enough for a page that
/// heals by itself, and seldom enough that a process which dies of it loses little.
pub const SUSPECT_RETRY_MS: i64 = DAY_MS;
/// Restarts from page one before a window parks.
pub const RESTARTS_MAX: u32 = 5;
/// Runs of a window that ended with pages and without its end, before it is split at its frontier:
/// one that needs two or three runs is done sooner than a split is.
pub const OVERRUNS_BEFORE_SPLIT: u32 = 3;
/// Windows that the unread rest of a split window becomes at most: as many workers may read it, and
/// a split is one transaction of at most [`SPLIT_ITEMS_MAX`] items.
pub const SPLIT_PIECES_MAX: i64 = 8;
/// Items of one split: the pieces, the delivered part, which is the window itself or one beside it, and
/// the marks. A transaction costs twice for each item, and is in the way of other writes of them.
pub const SPLIT_ITEMS_MAX: usize = 10;
/// Tries of one page within one run.
pub const PAGE_TRIES_MAX: usize = 5;
/// Tries of one state write whose outcome is unknown or whose store is unavailable.
pub const STATE_TRIES_MAX: usize = 6;

/// First delay between tries of a page.
pub const RETRY_DELAY_MIN_MS: i64 = 500;
/// Longest delay between tries of a page, and the longest wait a worker sleeps through: anything
/// longer is stored as `not_before` and the worker leaves.
pub const RETRY_DELAY_MAX_MS: i64 = 5 * SECOND_MS;
/// First delay between tries of a state write.
pub const WRITE_DELAY_MIN_MS: i64 = 50;
/// Longest pause between two requests that a declared pace makes a worker sleep through; a slower
/// pace is stored as the rate group's `not_before`.
pub const PACE_SLEEP_MAX_MS: i64 = 10 * SECOND_MS;
/// A part of a rate group's pace that is ample for one worker, in requests a minute: pages seldom
/// take less than half a second. Workers with less share turns.
pub const SHARE_AMPLE_PER_MINUTE: u32 = 120;
/// How much wider than even turns are spaced: what arrives at a vendor is not spaced as it was sent.
pub const TURN_SLACK_PERCENT: i64 = 5;
/// How far ahead a worker reserves turns: unused ones are lost to the others.
pub const TURNS_AHEAD_MS: i64 = 2 * SECOND_MS;
/// Turns reserved at once, at most.
pub const TURNS_AT_ONCE_MAX: i64 = 16;
/// The furthest off that a free turn can be: what a worker waits for and what it reserves there.
pub const TURN_MS_MAX: i64 = 2 * PACE_SLEEP_MAX_MS + TURNS_AHEAD_MS;
/// How old a worker's knowledge of its rate group's gate may be when it asks for a page.
pub const GATE_READ_MS: i64 = 5 * SECOND_MS;
/// First `not_before` after a run that failed.
pub const BACKOFF_MIN_MS: i64 = 5 * SECOND_MS;
/// Longest `not_before` after runs that failed.
pub const BACKOFF_MAX_MS: i64 = 15 * MINUTE_MS;
/// Longest wait stored whatever a vendor says; then it is asked again.
pub const WAIT_MS_MAX: i64 = HOUR_MS;

/// Runs of a window that ended in a refusal which often passes by itself, such as credentials that
/// expired a moment ago, before the source is blocked: with the stored backoff about five minutes.
pub const REFUSALS_BEFORE_BLOCK: u32 = 6;
/// Time between two probes of a blocked source: a vendor sees six requests an hour, and a person who
/// has renewed a credential does not wait for long.
pub const PROBE_MS: i64 = 10 * MINUTE_MS;
/// Time after which a block is no short incident, and probes come less often.
pub const PROBE_SLOW_AFTER_MS: i64 = 6 * HOUR_MS;
/// Time between two probes from then on: 24 requests a day.
pub const PROBE_SLOW_MS: i64 = HOUR_MS;
/// Time between two probes of a source whose sink is full: room comes back within moments, and that
/// is seen on this machine.
pub const PROBE_FULL_MS: i64 = MINUTE_MS;

/// Clocks of this system's machines agree this well.
pub const CLOCK_SKEW_MS: i64 = 60 * SECOND_MS;
/// Latest time that this machine's clock is read as, 9000-01-01. Waits are instants, and the last instant
/// is the end of the year 9999: a clock that shows it would make every wait end at once.
pub const CLOCK_LATEST: Timestamp = Timestamp::from_ms(221_845_392_000_000);
/// Longest lease with an end: the longest invocation of Lambda, and what clocks differ by.
pub const LEASE_MS_MAX: i64 = 15 * MINUTE_MS + CLOCK_SKEW_MS;
/// Clocks that differ by more than this are not both slow: one of them is wrong, and which one is for
/// other vendors or a person to say. A wrong time zone is less, a lost battery or a wrong year more.
pub const CLOCK_DISPUTE_MS: i64 = DAY_MS;
/// How old the stored offset of a vendor's clock may get before a response replaces it: eight
/// writes a day for a rate group. Steps that cannot be taken back trail by as much.
pub const CLOCK_STORED_MS: i64 = 3 * HOUR_MS;
/// How long after a response this machine's clock is believed to have gone right. Then windows are cut
/// one at a time until the next response. Twice the age at which the offset is stored again.
pub const CLOCK_BELIEVED_MS: i64 = 2 * CLOCK_STORED_MS;
/// Other rate groups that are asked for as many witnesses: some were never heard, or rest.
pub const WITNESSES_ASKED_MAX: usize = 8 * WITNESSES_MAX;
/// Other rate groups of which the clocks are read as witnesses: enough to outvote a wrong one.
pub const WITNESSES_MAX: usize = 8;
/// How far the end of a carved window trails `now - settle`, because a `Date` header has whole
/// seconds and is already old when it arrives.
pub const EDGE_ALLOWANCE_MS: i64 = 2 * SECOND_MS;
/// Least time a worker keeps to release its window before its deadline.
pub const DEADLINE_MARGIN_MS: i64 = 10 * SECOND_MS;
/// Of the time a worker has left, what a page on its way may not use up: one state write, tried
/// again a few times.
pub const RELEASE_MS: i64 = 3 * SECOND_MS;
/// How long a sink may still take for the page in hand after a request to stop: then the page is given
/// up. What stops a process kills it after ten seconds (Docker) or thirty (Kubernetes).
pub const STOP_GRACE_MS: i64 = 5 * SECOND_MS;
/// How long after a request to stop a wait for a sink is logged: usual pages take less.
pub const STOP_NOTICE_MS: i64 = SECOND_MS;
/// Time without progress after which a worker counts as stalled: a few times what a slow vendor takes
/// for a page.
pub const STALL_MS: i64 = 5 * SECOND_MS;
/// Time between two lines of the log about stalled workers.
pub const STALL_LOG_MS: i64 = MINUTE_MS;
/// How long done windows stay as history, at least.
pub const HISTORY_MS_MIN: i64 = 7 * DAY_MS;
/// How long done windows stay as history unless configured otherwise.
pub const HISTORY_MS_DEFAULT: i64 = 30 * DAY_MS;

/// Sweep lanes of one source.
pub const SWEEPS_MAX: usize = 4;
/// Records of a sweep lane after which what was counted of them begins to fade.
pub const LATENESS_RECORDS: u64 = 1_000_000;
/// Records of the live windows that one sweep window joins, at most: one page of the vendors that ask for
/// sweeps, so that it fits wherever each of them did. A live window with more gets a sweep window of its
/// own. What does not fit is not split but parked.
pub const SWEEP_RECORDS_MAX: u64 = 1_000;
/// Live windows that one tick reads to plan one sweep lane.
pub const SWEEP_LEDGER_MAX: usize = 256;
/// Delivered ids that one sweep window may have to know, 8 bytes each: 16 MiB. A live window with
/// more cannot be swept, and its sweep is parked.
pub const SEEN_DIGESTS_MAX: usize = 2 * 1024 * 1024;
/// Ids that one stored item holds, so that it stays far below 400 KB; a page with more is stored
/// in several.
pub const SEEN_DIGESTS_PER_ITEM: usize = 20_000;

/// Shortest and longest time before records are lost from which a source counts as endangered.
pub const RETENTION_GUARD_MS_MIN: i64 = HOUR_MS;
/// See [`RETENTION_GUARD_MS_MIN`].
pub const RETENTION_GUARD_MS_MAX: i64 = 7 * DAY_MS;

/// Records an adaptive window aims at: about twenty pages of a thousand, so that a window is worth
/// its four state writes and is still done within minutes.
pub const WINDOW_RECORDS_TARGET: u64 = 20_000;
/// How much wider one adaptive window may be than the one before.
pub const WIDTH_GROWTH_MAX: i64 = 2;
/// How long the live edge may wait before it is cut, by default.
pub const EVERY_MS_DEFAULT: i64 = 5 * MINUTE_MS;

/// Largest response body, after decompression.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Records of one page that exist as records, lines or rejects at once: a few megabytes however
/// small they are. A page with more is delivered whole, in pieces of at most so many.
pub const RECORDS_AT_ONCE_MAX: usize = 10_000;
/// Bytes of the records of one piece; a larger record is a piece of its own. Most vendors' pages
/// fit, and each piece costs a sync or a call of its own.
pub const RECORD_BYTES_AT_ONCE_MAX: usize = 8 * 1024 * 1024;
/// Largest body that is read among the other tasks of a process: a few milliseconds. A larger one is
/// read on a thread of its own, which costs as much as a tenth of a millisecond.
pub const READ_BYTES_INLINE_MAX: usize = 1024 * 1024;
/// Longest id of a record. Ids are copied into lines, up to three times as long there; a longer
/// value is not taken for an id, and no vendor documents one.
pub const ID_BYTES_MAX: usize = 4 * 1024;
/// Largest body beside which the next page is fetched: with a larger one, a second body would double
/// what a worker needs, and the transfer takes longer than the wait that it saves.
pub const PREFETCH_BODY_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Largest token, error or sample body that is read whole for a message.
pub const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;
/// Most characters of a stored or printed error message.
pub const MESSAGE_CHARS_MAX: usize = 500;
/// Most next links or header values read from one response.
pub const HEADER_LINKS_MAX: usize = 32;
/// Largest manifest or secret file.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Largest configuration, all files together: 20,000 sources of 800 bytes each. Its text stays in
/// memory, to place errors.
pub const CONFIG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files of one configuration: one for each source.
pub const CONFIG_FILES_MAX: usize = SOURCES_MAX;
/// Files that include each other, from the first one down.
pub const INCLUDE_DEPTH_MAX: usize = 8;
/// Longest name of a configuration file as a source stores it: half a unit of writing is left for
/// the source itself.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// Sources of one configuration, those that lists of parameters expand to included. With three lanes
/// each, a tick lists 18 MB of progress.
pub const SOURCES_MAX: usize = 20_000;
/// Time to connect to a vendor.
pub const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// Longest silence while a response arrives.
pub const READ_TIMEOUT_MS: u64 = 30_000;
/// Longest time for one whole request.
pub const REQUEST_TIMEOUT_MS: u64 = 120_000;
