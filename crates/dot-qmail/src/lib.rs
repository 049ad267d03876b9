//! What every program that follows .qmail files shares, dot-qmail(5): the file and whether it can
//! be trusted, its lines, running a command of one of them, and noticing mail that goes in circles.
//! Which file answers for an address, and what is done in which order, is each program's own.

pub mod file;
pub mod instruction;
pub mod loops;
pub mod program;
