-- Seen pages, for the sweeps that read their time again.

CREATE TABLE seen (
    source     TEXT NOT NULL,
    generation TEXT NOT NULL,
    at         TEXT NOT NULL,    -- the page's place in time
    "from"     TEXT NOT NULL,    -- the start of the window that delivered it
    lane       TEXT NOT NULL,
    page       INTEGER NOT NULL,
    piece      INTEGER NOT NULL, -- from 0
    pieces     INTEGER NOT NULL, -- the number in piece 0 counts
    pass       INTEGER,          -- restarts of the window; NULL for 0
    digests    BLOB NOT NULL,    -- the first 8 bytes of the SHA-256 of each record's id
    expires_at TEXT NOT NULL,
    v          INTEGER NOT NULL,
    PRIMARY KEY (source, generation, at, "from", lane, page, piece)
);

CREATE INDEX seen_expiring ON seen (expires_at);
