//! The tables, as the steps that lead to them. A step is never changed once a version with it is out: a new one is added.

/// Each step leads from its index to the next `user_version`.
pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE rule_state (      -- what rules remember: one row an instance
    rule TEXT NOT NULL,
    instance TEXT NOT NULL,
    saved TEXT NOT NULL,       -- JSON
    at REAL NOT NULL,          -- seconds since 1970, UTC: datetime(at, 'unixepoch')
    PRIMARY KEY (rule, instance)
) STRICT, WITHOUT ROWID;
CREATE TABLE device_state (    -- what the guard remembers of a device: timers, starts, manual requests
    room TEXT NOT NULL,
    device TEXT NOT NULL,
    saved TEXT NOT NULL,       -- JSON
    at REAL NOT NULL,
    PRIMARY KEY (room, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE device_change (   -- what was switched when, by whom and why
    at REAL NOT NULL,
    room TEXT NOT NULL,
    device TEXT NOT NULL,
    state ANY,                 -- number or text; NULL: not known
    wanted ANY,
    source TEXT,
    reason TEXT,
    until REAL,
    revision TEXT,
    held_back TEXT
) STRICT;
CREATE INDEX device_change_of ON device_change (room, device, at);
",
    "
CREATE TABLE alert_state (     -- alerts that are not over, and what the book remembers of silences and receivers
    rule TEXT NOT NULL,
    instance TEXT NOT NULL,
    saved TEXT NOT NULL,       -- JSON
    at REAL NOT NULL,
    PRIMARY KEY (rule, instance)
) STRICT, WITHOUT ROWID;
CREATE TABLE alert_change (    -- what became of alerts when
    at REAL NOT NULL,
    rule TEXT NOT NULL,
    instance TEXT NOT NULL,
    severity TEXT NOT NULL,
    event TEXT NOT NULL,       -- firing, repeated, escalated, acknowledged, silenced, resolved, no data
    summary TEXT NOT NULL,
    told TEXT,                 -- who
    by TEXT                    -- who acknowledged or silenced
) STRICT;
CREATE INDEX alert_change_at ON alert_change (at);
CREATE TABLE outbox (          -- what is for the outside and has not arrived
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    class TEXT NOT NULL,       -- alert or export
    target TEXT NOT NULL,      -- the outlet
    at REAL NOT NULL,          -- of the event
    key TEXT NOT NULL,         -- the same at every try
    body TEXT NOT NULL,        -- JSON
    crc INTEGER NOT NULL,      -- of all above but id: CRC-32
    put_at REAL NOT NULL,
    state TEXT NOT NULL,       -- waiting, sending, dead
    tries INTEGER NOT NULL,
    next_try REAL NOT NULL,
    error TEXT                 -- of the last try
) STRICT;
CREATE INDEX outbox_of ON outbox (target, state, id);
",
];
