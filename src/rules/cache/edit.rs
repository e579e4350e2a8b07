//! What is known about channels over an edit of the rules: forgotten as far as it is not true any more.

use crate::model::Inventory;

use super::super::rule::{Mode, Rule};
use super::{Cache, Entry, Subscribed, count_gone, windows};

impl Cache {
    /// Forgets everything but the counts, which go with the rules to their new positions.
    pub(in crate::rules) fn rename(&mut self, new: &[Option<u32>]) {
        self.clear();
        let mut counts = Vec::new();
        for (count, at) in std::mem::take(&mut self.gone).into_iter().zip(new) {
            let Some(at) = at.map(|at| at as usize) else { continue };
            if counts.len() <= at {
                counts.resize(at + 1, 0);
            }
            counts[at] = count;
        }
        self.gone = counts;
    }

    /// Another version of the rule at that position: what is known of all the others stays true.
    pub(in crate::rules) fn replace(&mut self, at: u32, rule: &Rule, inventory: &Inventory) {
        let Cache { channels, gone, .. } = self;
        for (channel, entry) in channels.iter_mut().flatten() {
            let broad = entry.broad.clone();
            let on = rule.mode != Mode::Off;
            let subscribed = if on { Subscribed::of(at, rule, channel, broad.as_deref()) } else { None };
            entry.windows.retain(|(of, _)| *of != at);
            if on {
                entry.windows.extend(windows(at, rule, channel, broad.as_deref()));
                entry.windows.sort_unstable();
            }
            entry.replace(at, rule, subscribed, inventory, gone);
        }
    }
}

impl Entry {
    fn replace(
        &mut self,
        at: u32,
        rule: &Rule,
        subscribed: Option<Subscribed>,
        inventory: &Inventory,
        gone: &mut Vec<u64>,
    ) {
        match (self.subscribed.binary_search_by_key(&at, |known| known.rule), subscribed) {
            (Ok(position), Some(subscribed)) => {
                for shape in self.shapes.values_mut() {
                    // What was counted so far was counted of the rule as it was.
                    shape.count(&self.subscribed, gone);
                    shape.hits = 0;
                    let concerned = shape.concerns(rule, inventory).map(|concerned| (position as u32, concerned));
                    let others = shape.rules.iter().copied().filter(|(known, _)| *known != position as u32);
                    let mut rules: Vec<(u32, bool)> = others.chain(concerned).collect();
                    rules.sort_unstable();
                    shape.rules = rules.into();
                }
                self.subscribed[position] = subscribed;
            }
            (Ok(position), None) => {
                count_gone(gone, self);
                self.subscribed.remove(position);
            }
            (Err(position), Some(subscribed)) => {
                count_gone(gone, self);
                self.subscribed.insert(position, subscribed);
            }
            (Err(_), None) => {}
        }
    }
}
