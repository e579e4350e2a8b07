//! The tables, as the steps that lead to them. A step is never changed once a version with it is out: a new one is added.

/// Each step leads from its index to the next `user_version`.
pub(super) const MIGRATIONS: &[&str] = &["
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
"];
