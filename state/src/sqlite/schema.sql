-- The whole state of one installation, for operators with a database shell as much as for windlass.
-- Columns are named like the attributes of the stored items. Times are RFC 3339 text in UTC with
-- milliseconds, so they sort. Column `v` is the version of the item's form.

CREATE TABLE sources (
    source              TEXT NOT NULL PRIMARY KEY,
    version             INTEGER NOT NULL, -- rises each time a definition is applied
    connector           TEXT NOT NULL,
    params              TEXT NOT NULL,    -- a JSON object
    generation          TEXT NOT NULL,
    secret              TEXT,             -- the reference to the secret, never the secret
    base_url            TEXT,
    token_url           TEXT,
    start               TEXT NOT NULL,
    "end"               TEXT,
    sink                TEXT NOT NULL,
    destination         TEXT,             -- a JSON object
    metadata            INTEGER NOT NULL, -- 0 or 1
    paused              INTEGER NOT NULL, -- 0 or 1
    file                TEXT,             -- the configuration file of the source
    blocked             TEXT,             -- the reason of the block
    blocked_since       TEXT,
    probe_at            TEXT,             -- earliest next probe of a blocked source
    held_since          TEXT,             -- the start of the operator's pause
    unit_ms             INTEGER NOT NULL,
    initial_ms          INTEGER NOT NULL,
    min_ms              INTEGER NOT NULL,
    max_ms              INTEGER NOT NULL,
    every_ms            INTEGER NOT NULL,
    settle_ms           INTEGER NOT NULL,
    max_lookback_ms     INTEGER,
    max_in_flight       INTEGER NOT NULL,
    max_open_windows    INTEGER NOT NULL,
    rate_group          TEXT NOT NULL,
    group_in_flight     INTEGER NOT NULL,
    requests_per_minute INTEGER,
    history_ms          INTEGER NOT NULL,
    strict_order        TEXT,             -- oldest_first or newest_first, if the vendor documents it
    sweeps_ms           TEXT,             -- a JSON array
    clock               TEXT,             -- ours or vendor, if the operator has chosen
    manifest_hash       TEXT,             -- hash of the facts from the manifest
    applied_at          TEXT NOT NULL,
    v                   INTEGER NOT NULL
);

-- Finds the sources of a rate group, and the names of all groups, without reading the sources.
CREATE INDEX sources_by_group ON sources (rate_group);

CREATE TABLE progress (
    source            TEXT NOT NULL,
    generation        TEXT NOT NULL,
    lane              TEXT NOT NULL,
    start             TEXT NOT NULL,
    "end"             TEXT,
    scheduled_through TEXT NOT NULL,
    open_from         TEXT NOT NULL,
    behind            TEXT NOT NULL, -- a JSON array of times
    unavailable       TEXT NOT NULL, -- a JSON array of {from, to}
    width_ms          INTEGER NOT NULL,
    records_per_hour  INTEGER,
    late              INTEGER,
    known             INTEGER,
    open              INTEGER,       -- windows ready, dispatched or running, as of the last write
    parked            INTEGER,
    parked_since      TEXT,
    failing_since     TEXT,
    version           INTEGER NOT NULL,
    updated_at        TEXT NOT NULL,
    v                 INTEGER NOT NULL,
    PRIMARY KEY (source, generation, lane)
);

CREATE TABLE rate_gates (
    rate_group TEXT NOT NULL PRIMARY KEY,
    not_before TEXT NOT NULL,
    reason     TEXT NOT NULL,
    next_turn  TEXT,          -- the next free request reservation
    clock_offset_ms   INTEGER, -- the vendor clock minus the machine clock
    clock_observed_at TEXT,    -- the time of the response that showed it, by the machine clock
    clock_origin      TEXT,    -- the origin of that response
    v          INTEGER NOT NULL
);
