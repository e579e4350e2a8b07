//! What rules can do to the world: one file per action, one table. Rank 5.
