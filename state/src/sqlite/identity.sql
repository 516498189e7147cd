-- One row. Output folders carry the id, so that no other state delivers into them.
CREATE TABLE identity (
    state TEXT NOT NULL PRIMARY KEY, -- random, made once
    run   INTEGER NOT NULL           -- runs begun, counted before any folder is marked
);
