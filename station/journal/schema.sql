-- The journal of one box. Energy is whole Wh, times are RFC 3339 in UTC, facts are never rewritten.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
    uuid             TEXT PRIMARY KEY,
    seq              INTEGER NOT NULL,
    record           TEXT NOT NULL CHECK (record IN ('asked', 'accepted', 'ending', 'ended')),
    boot_id          TEXT NOT NULL,     -- of started_at
    last_boot_id     TEXT NOT NULL,     -- in which the session was written last
    tag              TEXT NOT NULL,
    tag_group        TEXT,
    authorized_by    TEXT NOT NULL,
    started_at       TEXT NOT NULL,
    time_quality     TEXT NOT NULL,
    started_s        REAL,              -- monotonic time of started_at in boot_id
    start_meter      TEXT NOT NULL,
    life_at          TEXT,              -- the last sign of life of the charge
    life_quality     TEXT,
    life_wh          INTEGER,
    life_closed_s    REAL NOT NULL DEFAULT 0,
    charged_s        REAL NOT NULL DEFAULT 0,
    resumes          INTEGER NOT NULL DEFAULT 0,
    interruptions    TEXT NOT NULL DEFAULT '[]',
    reason           TEXT,
    stop_tag         TEXT,
    ended_at         TEXT,
    end_time_quality TEXT,
    ended_boot_id    TEXT,
    ended_s          REAL,
    end_meter        TEXT,
    estimated        INTEGER NOT NULL DEFAULT 0,
    exact_wanted     INTEGER NOT NULL DEFAULT 1  -- whether an estimate may still be replaced
);
CREATE INDEX sessions_seq ON sessions (seq);
CREATE INDEX sessions_unended ON sessions (record) WHERE record <> 'ended';

-- What the server has still to be told, in the order of id. Bodies are made from the session when
-- they are sent, so a stamp that was repaired leaves repaired.
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL CHECK (kind IN ('start', 'end', 'readings')),
    uuid        TEXT NOT NULL,
    refused_at  TEXT,
    reason      TEXT,
    raw         TEXT,
    reported_at TEXT
);

-- By the session's seq, not its uuid: there are many of them, and a card is small.
CREATE TABLE readings (
    seq       INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    at        TEXT NOT NULL,
    import_wh INTEGER NOT NULL,
    power_w   INTEGER NOT NULL,
    PRIMARY KEY (seq, n)
) WITHOUT ROWID;

CREATE TABLE tags (
    tag        TEXT PRIMARY KEY,
    status     TEXT NOT NULL,
    expires_at TEXT,
    tag_group  TEXT
) WITHOUT ROWID;

CREATE TABLE faults (
    name   TEXT PRIMARY KEY,
    since  TEXT NOT NULL,
    detail TEXT NOT NULL,
    welded INTEGER NOT NULL
) WITHOUT ROWID;

-- Commands of the server that were carried out, until it lists them no longer.
CREATE TABLE done (
    id     TEXT PRIMARY KEY,
    result TEXT NOT NULL
) WITHOUT ROWID;
