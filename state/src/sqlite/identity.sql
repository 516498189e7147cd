-- One row. Output folders carry the id, so that no other state delivers into them.
CREATE TABLE identity (
    state TEXT NOT NULL PRIMARY KEY, -- random, created once
    run   INTEGER NOT NULL           -- number of runs, counted before a run marks its first folder
);
-- Output folders that the state has used. It rejects a folder with another mark, or without one.
CREATE TABLE folders (
    place TEXT NOT NULL PRIMARY KEY, -- absolute path
    mark  TEXT,                      -- random; the mark in the folder
    next  TEXT                       -- the mark that the latest run was about to leave
);
