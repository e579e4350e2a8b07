//! The Guard below the rules: requests, arbitration, frame images. Pure. Rank 3.
