//! What INTERNALS.md says of each step of a message, one module per section.

mod section_4_preprocess;
mod section_5_deliver;
mod section_6_cleanup;
