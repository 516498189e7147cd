-- One row. Output folders carry the id, so that no other state delivers into them.
CREATE TABLE identity (
    state TEXT NOT NULL PRIMARY KEY, -- random, made once
    run   INTEGER NOT NULL           -- runs that marked folders, counted before the first is marked
);
-- Output folders that the state has used. A folder with another mark, or without one, is refused.
CREATE TABLE folders (
    place TEXT NOT NULL PRIMARY KEY, -- absolute path
    mark  TEXT,                      -- random, the one that the folder carries
    next  TEXT                       -- the one that the latest run was to leave there
);
