-- For reading, use the view `windows`, which shows every attribute as a column.
CREATE TABLE window_items (
    source     TEXT NOT NULL,
    generation TEXT NOT NULL,
    lane       TEXT NOT NULL,
    "from"     TEXT NOT NULL,
    "to"       TEXT NOT NULL,
    status     TEXT NOT NULL, -- ready, dispatched, running, done or parked
    expires_at TEXT,
    item       TEXT NOT NULL, -- a JSON object with all other attributes
    PRIMARY KEY (source, generation, lane, "from")
);

-- Finds expired history without reading the rest.
CREATE INDEX windows_expiring ON window_items (expires_at) WHERE expires_at IS NOT NULL;
