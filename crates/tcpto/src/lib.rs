//! tcpto
