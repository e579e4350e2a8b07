//! Schedules: `every 30s`, `at 07:00`, `cron 0 6 * * 1`, `sunrise-30m`, `startup`, `shutdown`.

/// When a rule runs without a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {}
