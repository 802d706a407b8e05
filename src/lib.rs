//! shardferry
