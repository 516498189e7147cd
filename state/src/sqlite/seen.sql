-- What pages delivered, for the sweeps that read their time again.

CREATE TABLE seen (
    source     TEXT NOT NULL,
    generation TEXT NOT NULL,
    at         TEXT NOT NULL,    -- where the page's records lie
    "from"     TEXT NOT NULL,    -- of the window that delivered it
    lane       TEXT NOT NULL,
    page       INTEGER NOT NULL,
    piece      INTEGER NOT NULL, -- from 0
    pieces     INTEGER NOT NULL, -- that of piece 0 says how many count
    pass       INTEGER,          -- of the window; nothing for 0
    digests    BLOB NOT NULL,    -- the first 8 bytes of the SHA-256 of each record's id
    expires_at TEXT NOT NULL,
    v          INTEGER NOT NULL,
    PRIMARY KEY (source, generation, at, "from", lane, page, piece)
);

CREATE INDEX seen_expiring ON seen (expires_at);
