//! A plant of rooms that answers on simulated buses in the map's own frames. Pure. Rank 3.
