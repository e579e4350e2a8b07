//! Joins the stages: Core (pure), its shell of threads and queues, settings. Rank 7.
