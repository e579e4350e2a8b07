//! Whether the bridge works, put together from its parts, and the events that tell about it: each change once, however
//! often a part tries again. Pure.

use std::time::Duration;

use crate::model::Mono;

/// What the control thread learns from the bridge; it publishes it as `system:update:redis`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeEvent {
    /// Everything works.
    Up {
        /// For how long, at most, messages of others may have been missed; `None` at the first connection.
        gap: Option<Duration>,
    },
    /// Something does not; what still works goes on, the rest is tried again for ever.
    Down {
        /// What, where, and what to do.
        reason: String,
    },
    /// Messages of others came faster than the engine took them.
    Gap {
        /// How many were lost since the last such event.
        dropped: u64,
    },
    /// The server refused something that the bridge asked for; told once a minute at most.
    Refused {
        /// What, where, and what to do.
        reason: String,
    },
    /// Another engine publishes on a channel of this site; told once a minute at most.
    Foreign {
        /// The first eight characters of its messages' `id`.
        origin: String,
        /// One channel on which it was heard.
        channel: String,
    },
}

/// The parts that must all work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Publisher,
    /// The server must be the primary: a replica's PUBLISH reaches its own subscribers only.
    Role,
    Subscriber,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Fine,
    Failed(String),
}

/// The state of one bridge.
#[derive(Debug)]
pub(super) struct Health {
    parts: [State; 3],
    /// The reason that was told last; `None` while everything works.
    told: Option<String>,
    /// When it surely still worked, if it ever did and does not now.
    lost: Option<Mono>,
    was_up: bool,
}

impl Health {
    /// Nothing is known yet; without a subscriber that part is fine for ever.
    pub(super) fn new(subscribes: bool) -> Health {
        let last = if subscribes { State::Unknown } else { State::Fine };
        Health { parts: [State::Unknown, State::Unknown, last], told: None, lost: None, was_up: false }
    }

    /// Why it does not work, if it does not; `None` also before the first word.
    pub(super) fn reason(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| if let State::Failed(reason) = part { Some(reason.as_str()) } else { None })
    }

    /// Whether everything works.
    pub(super) fn is_up(&self) -> bool {
        self.parts.iter().all(|part| *part == State::Fine)
    }

    /// A part works.
    pub(super) fn works(&mut self, now: Mono, part: Part) -> Option<BridgeEvent> {
        self.parts[part as usize] = State::Fine;
        self.judge(now, now)
    }

    /// A part does not work; it surely did at `alive`.
    pub(super) fn failed(&mut self, now: Mono, part: Part, alive: Mono, reason: String) -> Option<BridgeEvent> {
        self.parts[part as usize] = State::Failed(reason);
        let role = &mut self.parts[Part::Role as usize];
        // The next connection may find another server there.
        if part == Part::Publisher && *role == State::Fine {
            *role = State::Unknown;
        }
        self.judge(now, alive)
    }

    fn judge(&mut self, now: Mono, alive: Mono) -> Option<BridgeEvent> {
        if let Some(reason) = self.reason().map(str::to_owned) {
            self.lost = self.lost.map(|lost| lost.min(alive)).or(self.was_up.then_some(alive));
            let news = self.told.as_ref() != Some(&reason);
            self.told = Some(reason.clone());
            return news.then_some(BridgeEvent::Down { reason });
        }
        let news = self.is_up() && (!self.was_up || self.told.is_some());
        if !news {
            return None;
        }
        self.told = None;
        self.was_up = true;
        Some(BridgeEvent::Up { gap: self.lost.take().map(|lost| now.since(lost)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Mono {
        Mono(second * 1_000_000_000)
    }

    fn down(reason: &str) -> Option<BridgeEvent> {
        Some(BridgeEvent::Down { reason: reason.to_owned() })
    }

    #[test]
    fn each_change_is_told_once_and_the_gap_runs_from_the_last_proof_of_life() {
        let mut health = Health::new(true);
        let fail = |health: &mut Health, now, part, alive, reason: &str| {
            health.failed(at(now), part, at(alive), reason.to_owned())
        };
        assert_eq!(fail(&mut health, 1, Part::Publisher, 1, "refused"), down("refused"));
        assert_eq!(fail(&mut health, 1, Part::Subscriber, 1, "refused"), None);
        assert_eq!(fail(&mut health, 2, Part::Publisher, 2, "refused"), None);
        assert_eq!(fail(&mut health, 3, Part::Publisher, 3, "wrong password"), down("wrong password"));
        assert_eq!(health.works(at(4), Part::Publisher), down("refused"));
        assert_eq!(health.works(at(4), Part::Role), None);
        assert_eq!(health.works(at(5), Part::Subscriber), Some(BridgeEvent::Up { gap: None }));
        assert_eq!(health.works(at(6), Part::Role), None);
        assert_eq!(fail(&mut health, 20, Part::Subscriber, 17, "silent"), down("silent"));
        assert_eq!(fail(&mut health, 20, Part::Publisher, 18, "silent"), None);
        assert_eq!(health.works(at(25), Part::Subscriber), None);
        let gap = Some(Duration::from_secs(9));
        assert_eq!(health.works(at(26), Part::Publisher), None, "the server may have become a replica");
        assert_eq!(health.works(at(26), Part::Role), Some(BridgeEvent::Up { gap }));
    }

    #[test]
    fn a_bridge_that_only_publishes_needs_no_subscriber() {
        let mut health = Health::new(false);
        assert_eq!(health.works(at(1), Part::Publisher), None);
        assert!(health.works(at(1), Part::Role).is_some() && health.is_up());
    }
}
